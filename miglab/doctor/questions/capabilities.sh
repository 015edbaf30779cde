# What libvirt can do here, as XML: host UUID, processor, machine types, security models.
[ "$ROLE" = hypervisor ] || exit 0
within 5 virsh -c qemu:///system capabilities
