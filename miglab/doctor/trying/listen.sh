# QEMU waits for a guest on each of $PORTS, for five seconds at most (longer where hosts are slow):
# `waiting PORT`, or `busy PORT` where somebody else waits already, who is left alone.
qemu=$(command -v qemu-system-x86_64 || echo /usr/libexec/qemu-kvm)
listens() { ss -Hltn 2>/dev/null | grep -q ":$1 "; }
ours=
# Without `within`: sshd ends the process group that a shell leaves behind, and timeout makes one of its own.
for port in $PORTS; do
  listens "$port" && { echo "busy $port"; continue; }
  ours="$ours $port"
  timeout -k 1 $((5 * PATIENCE)) "$qemu" -name "$TOKEN" -machine none -nodefaults -no-user-config \
    -display none -S -incoming "tcp:0:$port" >/dev/null 2>&1 </dev/null &
done
for n in $(seq $((9 * PATIENCE))); do
  waiting=
  for port in $ours; do listens "$port" && waiting="$waiting $port"; done
  [ "$waiting" = "$ours" ] && break
  sleep 0.1
done
for port in $waiting; do echo "waiting $port"; done
exit 0
