# Every guest that libvirt knows: `domain UUID PERSISTENT STATE`, then its XML.
[ "$ROLE" = hypervisor ] || exit 0
all() { within 5 virsh -c qemu:///system list --all --uuid; }
uuids=$(all) || exit 1
for uuid in $uuids; do
  if info=$(within 5 virsh -c qemu:///system dominfo "$uuid" 2>/dev/null) \
    && xml=$(within 5 virsh -c qemu:///system dumpxml "$uuid" 2>/dev/null); then
    echo "domain $uuid $(echo "$info" | sed -n 's/^Persistent: *//p') $(echo "$info" | sed -n 's/^State: *//p')"
    echo "$xml"
  else
    # One that went away meanwhile is none; one that is still there was not told of.
    uuids=$(all) || exit 1
    case $uuids in *"$uuid"*) echo "libvirt does not tell of guest $uuid"; exit 1 ;; esac
  fi
done
