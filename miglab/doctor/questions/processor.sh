# The processor as the kernel sees it.
echo "model $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "flags $(sed -n 's/^flags[^:]*: //p' /proc/cpuinfo | head -n 1)"
echo "count $(grep -c '^processor' /proc/cpuinfo)"
