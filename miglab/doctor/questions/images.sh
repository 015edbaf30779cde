# What guests that run anywhere need of a host, as it is here: `image PATH UID GID MODE KIND`.
for path in $IMAGES; do
  echo "image $path $(stat -L -c '%u %g %a %F' "$path" 2>/dev/null || echo absent)"
done
exit 0
