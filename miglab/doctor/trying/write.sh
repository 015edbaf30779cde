# Writes a file of $TOKEN on the share, as the user that QEMU is there: `wrote`, or why not.
file=$SHARE/.$TOKEN
if grep -q " ${SHARE} nfs" /proc/self/mounts; then
  as=$(command -v setpriv) && as="$as --reuid $OWNER --regid $OWNER --clear-groups"
  said=$(within 5 $as sh -c "echo $TOKEN > $file" 2>&1) && echo "wrote $file" || echo "refused $said"
elif command -v nfs-cp >/dev/null; then
  local=$(mktemp) && echo "$TOKEN" > "$local"
  said=$(within 5 nfs-cp "$local" "nfs://$SERVER$file?uid=$OWNER&gid=$OWNER" 2>&1)
  code=$?
  rm -f "$local"
  [ $code = 0 ] && echo "wrote $file" || echo "refused $(echo "$said" | tail -n 1)"
else
  echo "untried neither a mount nor a client of NFS"
fi
