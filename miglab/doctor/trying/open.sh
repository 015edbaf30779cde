# Opens the guest's disk of $URL, as the user that QEMU is there: `opened`, or why not.
as=$(command -v setpriv) && as="$as --reuid $OWNER --regid $OWNER --clear-groups"
said=$(within 5 $as qemu-img info -U -f raw "$URL" 2>&1 >/dev/null) \
  && echo "opened $URL" || echo "refused $(echo "$said" | tail -n 1)"
