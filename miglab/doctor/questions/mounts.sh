# File systems of others, and the directory that is to be shared: `mount SOURCE PATH KIND OPTIONS`.
while read -r source path kind options _; do
  case $kind in
    nfs|nfs4|cifs|ceph|fuse.*|gfs2|ocfs2|glusterfs|9p) echo "mount $source $path $kind $options" ;;
  esac
done < /proc/self/mounts
if [ -n "$SHARE" ]; then
  echo "share $(stat -c '%F, owner %u:%g, mode %a' "$SHARE" 2>/dev/null || echo absent)"
  echo "filesystem $(stat -f -c %T "$SHARE" 2>/dev/null)"
fi
command -v nfs-ls >/dev/null && echo "client nfs-ls"
[ -x /sbin/mount.nfs ] && echo "client mount.nfs"
exit 0
