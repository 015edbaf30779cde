# The smallest guest there is, paused: `started NAME`, or libvirt's words.
said=$(within 8 virsh -c qemu:///system create --paused /dev/stdin 2>&1 >/dev/null <<XML
<domain type="qemu"><name>$TOKEN</name><memory unit="MiB">16</memory>
<os><type arch="x86_64">hvm</type></os><devices><memballoon model="none"/></devices></domain>
XML
) && echo "started $TOKEN" || echo "${said:-libvirt gave no answer in time}"
exit 0
