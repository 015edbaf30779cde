# What post-copy needs of the kernel, and how new QEMU is.
echo "sysctl $(cat /proc/sys/vm/unprivileged_userfaultfd 2>/dev/null || echo absent)"
echo "device $(stat -c '%a %u %g' /dev/userfaultfd 2>/dev/null || echo absent)"
qemu=$(command -v qemu-system-x86_64 || echo /usr/libexec/qemu-kvm)
[ -x "$qemu" ] && echo "qemu $qemu $($qemu --version | sed -n 's/.*version \([0-9.]*\).*/\1/p')"
exit 0
