# How fast each running guest rewrites its memory, over a second: `dirty NAME MIB_PER_S`.
for name in $(virsh -c qemu:///system list --name); do
  virsh -c qemu:///system domdirtyrate-calc "$name" --seconds 1 >/dev/null 2>&1 || continue
  for n in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.3
    told=$(virsh -c qemu:///system domstats --dirtyrate "$name" 2>/dev/null)
    rate=$(echo "$told" | sed -n 's/.*megabytes_per_second=//p')
    [ -n "$rate" ] && { echo "dirty $name $rate"; break; }
  done
done
exit 0
