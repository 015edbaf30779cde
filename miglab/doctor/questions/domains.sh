# Every guest that libvirt knows: `domain UUID PERSISTENT STATE`, then its XML.
[ "$ROLE" = hypervisor ] || exit 0
for uuid in $(within 5 virsh -c qemu:///system list --all --uuid); do
  info=$(within 5 virsh -c qemu:///system dominfo "$uuid") || continue
  kept=$(echo "$info" | sed -n 's/^Persistent: *//p')
  state=$(echo "$info" | sed -n 's/^State: *//p')
  echo "domain $uuid $kept $state"
  within 5 virsh -c qemu:///system dumpxml "$uuid"
done
