# Reads the file of $TOKEN, which another host has written: `read`, or why not.
file=$SHARE/.$TOKEN
if grep -q " ${SHARE} nfs" /proc/self/mounts; then
  said=$(within 5 cat "$file" 2>&1)
elif command -v nfs-cat >/dev/null; then
  said=$(within 5 nfs-cat "nfs://$SERVER$file?uid=$OWNER&gid=$OWNER" 2>&1)
else
  said=
fi
case $said in
  "$TOKEN") echo "read $FROM" ;;
  *) echo "unread $FROM $(echo "$said" | tail -n 1)" ;;
esac
