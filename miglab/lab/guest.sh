#!/bin/sh
# Runs inside the root of a real guest: `sh -s NAME ADDRESS/PREFIX GATEWAY`. It becomes a machine of its own that boots
# by itself, with a load that checks itself. What serves nothing here is left out: emulated, each second of boot is five.
set -eu
name=$1 address=$2 gateway=$3

echo "$name" >/etc/hostname
printf '127.0.0.1 localhost\n%s %s\n' "${address%/*}" "$name" >/etc/hosts
systemd-machine-id-setup >/dev/null

cat >/etc/systemd/network/miglab.network <<CONFIG
[Match]
Type=ether

[Network]
Address=$address
Gateway=$gateway
LinkLocalAddressing=no
CONFIG

# A fifth of a processor: enough to be seen, and little enough for the guest to answer and to be moved.
cat >/etc/systemd/system/stress-ng.service <<'CONFIG'
[Unit]
Description=A load that checks itself

[Service]
ExecStartPre=/bin/sh -c 'rm -rf /var/tmp/tmp-stress-ng-*'
ExecStartPre=/bin/sh -c 'echo "load: begun, boot $(cat /proc/sys/kernel/random/boot_id)"'
ExecStart=/usr/bin/stress-ng --timeout 0 --verify --status 2 --oomable --temp-path /var/tmp \
    --vm 1 --vm-bytes 64M --vm-keep --cpu 1 --hdd 1 --hdd-bytes 8M --hdd-opts dsync
ExecStopPost=/bin/sh -c 'echo "stress-ng: fail: the load has ended ($SERVICE_RESULT)"'
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
CPUQuota=20%

[Install]
WantedBy=multi-user.target
CONFIG

# Of all devices only the network's is awaited; the disk's driver is loaded by the initramfs.
mkdir -p /etc/systemd/system/systemd-udev-trigger.service.d /etc/systemd/journald.conf.d /etc/systemd/system-generators
cat >/etc/systemd/system/systemd-udev-trigger.service.d/miglab.conf <<'CONFIG'
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=net
CONFIG
printf '[Journal]\nStorage=volatile\n' >/etc/systemd/journald.conf.d/miglab.conf
for generator in /usr/lib/systemd/system-generators/*; do
    ln -s /dev/null "/etc/systemd/system-generators/${generator##*/}"
done
systemctl -q enable systemd-networkd stress-ng
systemctl -q mask getty.target kmod-static-nodes.service modprobe@.service grub-common.service \
    dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount run-lock.mount tmp.mount \
    sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
for unit in hibernate-clear journal-flush logind modules-load network-generator networkd-persistent-storage \
    networkd-wait-online pstore random-seed remount-fs sysctl tmpfiles-setup tmpfiles-setup-dev \
    tmpfiles-setup-dev-early udev-load-credentials update-utmp user-sessions; do
    systemctl -q mask "systemd-$unit.service"
done
/usr/lib/systemd/systemd-update-done # or the first boot would do it, and rebuild caches before

# The boot loader as its own installer would leave it; what lies before the partition is written from outside.
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/
cat >/boot/grub/early.cfg <<'CONFIG'
serial --unit=0 --speed=115200
terminal_output serial
set root=(hd0,msdos1)
linux /vmlinuz root=/dev/vda1 rw noresume console=ttyS0 quiet systemd.show_status=error tsc=unstable cryptomgr.notests apparmor=0
initrd /initrd.img
boot
CONFIG
grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -c /boot/grub/early.cfg -o /boot/grub/i386-pc/core.img \
    biosdisk part_msdos ext2 linux serial terminal
