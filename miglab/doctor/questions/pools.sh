# Storage pools: `pool NAME STATE AUTOSTART PATH`.
[ "$ROLE" = hypervisor ] || exit 0
within 5 virsh -c qemu:///system pool-list --all --name | while read -r pool; do
  [ -n "$pool" ] || continue
  info=$(within 5 virsh -c qemu:///system pool-info "$pool")
  path=$(within 5 virsh -c qemu:///system pool-dumpxml "$pool" | sed -n 's,.*<path>\(.*\)</path>.*,\1,p' | tail -n 1)
  state=$(echo "$info" | sed -n 's/^State: *//p')
  auto=$(echo "$info" | sed -n 's/^Autostart: *//p')
  echo "pool $pool $state $auto $path"
done
