# Memory and what of it may be locked.
sed -n 's/^\(MemTotal\|MemAvailable\|HugePages_Free\|Hugepagesize\): *\([0-9]*\).*/\1 \2/p' /proc/meminfo
for daemon in virtqemud libvirtd; do
  pid=$(pidof $daemon | cut -d ' ' -f 1)
  [ -n "$pid" ] || continue
  sed -n 's/^Max locked memory  *\([^ ]*\).*/locked \1/p; s/^Max address space  *\([^ ]*\).*/space \1/p' /proc/$pid/limits
  break
done
exit 0
