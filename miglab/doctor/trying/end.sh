# Nothing is left of the smallest guest.
virsh -c qemu:///system destroy "$TOKEN" >/dev/null 2>&1
exit 0
