# From here to $PEER, as a person at this host would: `moved`, or `stayed` and libvirt's last words.
if said=$(within 10 virsh -c qemu:///system migrate --live "$TOKEN" \
  "qemu+ssh://root@$PEER/system?no_tty=1" 2>&1); then
  echo "move $PEER moved"
else
  echo "move $PEER stayed" $(echo "$said" | grep . | tail -n 1)
fi
