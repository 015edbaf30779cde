# The daemon: versions, what it says of the host, and who listens for others.
[ "$ROLE" = hypervisor ] || exit 0
command -v virsh >/dev/null || { echo "virsh is not installed"; exit 1; }
for unit in libvirtd virtqemud virtproxyd libvirtd.socket virtqemud.socket libvirtd-tcp.socket \
  libvirtd-tls.socket virtproxyd-tcp.socket virtproxyd-tls.socket; do
  echo "unit $unit $(systemctl is-active $unit 2>/dev/null) $(systemctl is-enabled $unit 2>/dev/null)"
done
within 5 virsh -c qemu:///system version 2>&1 | sed 's/^/version /'
echo "version-end"
for file in libvirtd.conf virtqemud.conf virtproxyd.conf qemu.conf; do
  grep -E '^[a-z_]+ *=' /etc/libvirt/$file 2>/dev/null | sed "s/ *= */ /; s/^/set $file /"
done
exit 0
