# Whom QEMU runs as: `account NAME UID GID`, and what qemu.conf says: `set KEY VALUE`.
for name in libvirt-qemu qemu; do
  entry=$(getent passwd $name) && echo "account $name $(echo "$entry" | cut -d : -f 3) $(echo "$entry" | cut -d : -f 4)"
done
grep -E '^(user|group|dynamic_ownership|remember_owner) *=' /etc/libvirt/qemu.conf 2>/dev/null | sed 's/ *= */ /; s/"//g; s/^/set /'
exit 0
