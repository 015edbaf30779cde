# Mandatory access control, and firewalls.
echo "selinux $(getenforce 2>/dev/null || echo absent)"
getsebool virt_use_nfs virt_use_fusefs 2>/dev/null | sed 's/ --> / /; s/^/boolean /'
echo "apparmor $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null || echo absent)"
for file in /etc/apparmor.d/abstractions/libvirt-qemu /etc/apparmor.d/local/abstractions/libvirt-qemu \
  /etc/apparmor.d/libvirt/TEMPLATE.qemu; do
  [ -e $file ] && echo "profile $file $(grep -c . $file)"
done
echo "firewalld $(systemctl is-active firewalld 2>/dev/null)"
echo "nftables $(systemctl is-active nftables 2>/dev/null)"
(nft list ruleset 2>/dev/null || iptables-save 2>/dev/null) | head -n 300 | sed 's/^/rule /'
exit 0
