#!/bin/sh
# Runs inside the root of a new box: a virtual machine that boots by itself, with its addresses by DHCP and its keys from
# outside. What serves nothing there is left out: emulated, each second of boot is five.
set -eu

echo miglab >/etc/hostname
printf '127.0.0.1 localhost\n' >/etc/hosts
: >/etc/fstab # Vagrant edits it
: >/etc/machine-id
rm -f /var/lib/dbus/machine-id # or every machine would take over this one

# Keys come with the machine (systemd's credentials, by SMBIOS); the box itself knows nobody. One that is given no host
# key makes its own.
rm -f /etc/ssh/ssh_host_*
mkdir -p /etc/ssh/sshd_config.d /etc/systemd/system/sshd-keygen.service.d
cat >/etc/ssh/sshd_config.d/miglab.conf <<'CONFIG'
PasswordAuthentication no
PermitRootLogin prohibit-password
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
CONFIG
cat >/etc/systemd/system/sshd-keygen.service.d/miglab.conf <<'CONFIG'
[Unit]
ConditionFirstBoot=
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
ExecStart=
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
CONFIG

# Every wire by DHCP until somebody says otherwise; whoever waits for the network waits for one of them.
cat >/etc/systemd/network/80-dhcp.network <<'CONFIG'
[Match]
Name=en* eth*

[Network]
DHCP=ipv4

[DHCPv4]
ClientIdentifier=mac
CONFIG
mkdir -p /etc/systemd/journald.conf.d /etc/systemd/system/systemd-udev-trigger.service.d /etc/systemd/system-generators
printf '[Journal]\nStorage=volatile\n' >/etc/systemd/journald.conf.d/miglab.conf

# Of all devices those are looked for that something here uses: the disk's driver is loaded by the initramfs.
cat >/etc/systemd/system/systemd-udev-trigger.service.d/miglab.conf <<'CONFIG'
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=net --subsystem-match=misc
CONFIG
for generator in debug getty gpt-auto hibernate-resume import rc-local run ssh system-update sysv tpm2; do
    ln -sf /dev/null "/etc/systemd/system-generators/systemd-$generator-generator"
done
systemctl -q enable systemd-networkd ssh
# What serves, and where, is for provisioning to decide: here nothing does.
for unit in libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirt-guests.service \
    virtlogd.service virtlogd.socket virtlogd-admin.socket nfs-server.service rpcbind.service rpcbind.socket \
    tgt.service nftables.service; do
    systemctl -q disable "$unit" 2>/dev/null || true
done
systemctl -q mask getty.target grub-common.service nfs-blkmap.service dev-mqueue.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
for unit in hibernate-clear journal-flush logind network-generator networkd-persistent-storage pstore random-seed \
    remount-fs udev-load-credentials update-utmp; do
    systemctl -q mask "systemd-$unit.service"
done
ldconfig
/usr/lib/systemd/systemd-update-done # or the first boot would do it, and rebuild caches before

# The boot loader as its own installer would leave it; what lies before the partition is written from outside.
mkdir -p /boot/grub/i386-pc
cp /usr/lib/grub/i386-pc/boot.img /boot/grub/i386-pc/
cat >/boot/grub/early.cfg <<'CONFIG'
serial --unit=0 --speed=115200
terminal_output serial
set root=(hd0,msdos1)
linux /vmlinuz root=/dev/vda1 rw noresume console=ttyS0 quiet systemd.show_status=error cryptomgr.notests apparmor=0
initrd /initrd.img
boot
CONFIG
grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -c /boot/grub/early.cfg -o /boot/grub/i386-pc/core.img \
    biosdisk part_msdos ext2 linux serial terminal
