# Who this is, and as whom we ask.
echo "user $(id -u)"
echo "hostname $(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)"
echo "machine-id $(cat /etc/machine-id 2>/dev/null)"
echo "product-uuid $(cat /sys/class/dmi/id/product_uuid 2>/dev/null)"
echo "kernel $(uname -r)"
echo "boot-id $(cat /proc/sys/kernel/random/boot_id)"
(. /etc/os-release 2>/dev/null; echo "os $ID $VERSION_ID")
