#!/bin/sh
# `libvirtd.sh DIRECTORY`, in the network that its machines shall see: a libvirtd with directories of its own, which only
# itself and what enters its mount namespace see. Nothing of it meets the machine's own libvirt.
set -eu
directory=$1
for name in etc lib log cache run; do
    case $name in
        etc) place=/etc/libvirt ;;
        run) place=/run/libvirt ;;
        *) place=/var/$name/libvirt ;;
    esac
    mkdir -p "$directory/$name" "$place"
    mount --bind "$directory/$name" "$place"
done
mount -t sysfs sysfs /sys # that of this network
rm -f /run/libvirt/libvirtd.pid
exec libvirtd --pid-file /run/libvirt/libvirtd.pid
