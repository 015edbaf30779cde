# Removes the file of $TOKEN.
rm -f "$SHARE/.$TOKEN"
