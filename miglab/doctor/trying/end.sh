# Nothing is left of the smallest guest, nor of its log.
within 8 virsh -c qemu:///system destroy "$TOKEN" >/dev/null 2>&1
rm -f "/var/log/libvirt/qemu/$TOKEN.log"
exit 0
