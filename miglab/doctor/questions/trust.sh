# Whether ssh gets from here to each other hypervisor, as libvirt would: `ssh PEER CODE WORDS`.
for peer in $MOVERS; do
  (
    said=$(within 4 ssh -n -o BatchMode=yes -o ConnectTimeout=$((2 * PATIENCE)) -o StrictHostKeyChecking=yes \
      -o ControlPath=none "root@$peer" true 2>&1)
    echo "ssh $peer $?" $(echo "$said" | grep -v '^@\|^$' | tail -n 1)
  ) &
done
wait
