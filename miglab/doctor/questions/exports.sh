# What a server gives to whom: `kernel …`, ganesha's configuration line by line, `target IQN CLIENT …`.
[ "$ROLE" != hypervisor ] || exit 0
for unit in nfs-server nfs-ganesha rpcbind tgt; do
  echo "unit $unit $(systemctl is-active $unit 2>/dev/null)"
done
grep -v '^ *#' /etc/exports /etc/exports.d/*.exports 2>/dev/null | sed 's/^[^:]*://; s/^/file /'
exportfs -v 2>/dev/null | sed 's/^/kernel /'
sed 's/#.*//' /etc/ganesha/ganesha.conf 2>/dev/null | tr '\n' ' ' | sed 's/  */ /g; s/^/ganesha /'
echo
tgtadm --lld iscsi --mode target --op show 2>/dev/null | awk '
  /^Target/ { if (named) print named; named = "target " $3 }
  /information:$/ { allowed = /ACL/; next }
  allowed { named = named " " $1 }
  END { if (named) print named }'
exit 0
