# Whether QEMU here can give the guest of $XML the processor that it has: `compares NAME WORDS`.
said=$(within 8 virsh -c qemu:///system hypervisor-cpu-compare --virttype "$KIND" \
  /dev/stdin 2>&1 <<XML_END
$XML
XML_END
)
echo "compares $NAME $(echo "$said" | grep . | head -n 1 | cut -c 1-200)"
