# Which acceleration works, by booting firmware with it: `kvm WORDS`, `tcg WORDS`.
[ "$ROLE" = hypervisor ] || exit 0
qemu=$(command -v qemu-system-x86_64 || echo /usr/libexec/qemu-kvm)
[ -x "$qemu" ] || { echo "QEMU is not installed"; exit 1; }
boots() {
  said=$(within "$2" "$qemu" -accel "$1" -machine pc -cpu max -m 32 -nodefaults -no-user-config \
    -display none -no-reboot -boot reboot-timeout=1 -chardev stdio,id=log \
    -device isa-debugcon,iobase=0x402,chardev=log 2>&1 </dev/null)
  why=$(echo "$said" | grep -v 'warning:\|^Aborted' | grep . | tail -n 1 | tr -dc '[:print:]' | cut -c 1-160)
  case $said in
    *SeaBIOS*) echo "$1 works firmware booted" ;;
    *) echo "$1 fails ${why:-no firmware booted within $(($2 * PATIENCE)) s}" ;;
  esac
}
if [ -e /dev/kvm ]; then boots kvm 2; else echo "kvm absent there is no /dev/kvm"; fi
boots tcg 4
