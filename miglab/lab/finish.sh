#!/bin/sh
# Runs inside the root of a new image: what every node needs before its first boot.
set -eu

mkdir -p /etc/ssh/sshd_config.d
cat > /etc/ssh/sshd_config.d/miglab.conf <<'CONFIG'
# The lab's own key comes from outside (authorized_keys.d); what the node trusts besides is its own affair.
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u
PasswordAuthentication no
PermitRootLogin prohibit-password
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
CONFIG
rm -f /etc/ssh/ssh_host_*
mkdir -p /etc/ssh/authorized_keys.d /etc/systemd/network
# By family: Debian's names, then the RHEL family's, which has no networkd.
systemctl enable systemd-networkd ssh 2>/dev/null || systemctl enable NetworkManager sshd
systemctl mask systemd-networkd-wait-online.service systemd-logind.service getty.target console-getty.service \
    systemd-udevd.service run-rpc_pipefs.mount rpc-statd.service nfs-ganesha-lock.service apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer
# Which NFS server serves is for provisioning to decide; none starts by itself.
systemctl disable nfs-ganesha.service 2>/dev/null || true
printf '127.0.0.1 localhost\n' > /etc/hosts
: > /etc/machine-id
