#!/bin/sh
# Builds what the guest boots from: `build.sh OUTDIR` writes vmlinuz, initramfs.gz, kernel-version.
#
# The kernel is Debian's cloud kernel, unpacked from its package and not installed. The initramfs
# holds one static program, /init, and the modules it loads; equal inputs give equal bytes. Runs on
# Debian 12 and later, amd64, as root, with: gcc libc6-dev cpio gzip xz-utils.
set -eu
export LC_ALL=C

die() {
    echo "build.sh: $*" >&2
    exit 1
}

[ $# -eq 1 ] || die "expected one argument, OUTDIR; found $#"
source_dir=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" || die "$1: cannot be made"
out_dir=$(cd "$1" && pwd)
for tool in gcc cpio gzip xz apt-get dpkg-deb; do
    command -v "$tool" >/dev/null ||
        die "$tool: not found; apt-get install gcc libc6-dev cpio gzip xz-utils"
done
machine=$(dpkg --print-architecture)
[ "$machine" = amd64 ] || die "expected architecture amd64, found $machine"

work=$(mktemp -d)
staged="$out_dir/.build.$$"
trap 'rm -rf "$work" "$staged"' EXIT
trap 'exit 1' HUP INT TERM

# Gets the package that linux-image-cloud-amd64 stands for in the lists that apt has now.
download_kernel() {
    package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/^ *Depends: *\(linux-image-[0-9][^ ]*\).*/\1/p' | head -n 1)
    [ -n "$package" ] || return 1
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package") >/dev/null 2>&1
}

# Lists may be missing, or name a kernel that an update has replaced: then they are read anew, once.
if ! download_kernel; then
    apt-get -qq update >/dev/null 2>"$work/errors" || true
    download_kernel || die "linux-image-cloud-amd64: cannot be downloaded;" \
        "$(grep -m 1 '^E:' "$work/errors" || echo 'is it in the sources of apt?')"
fi
dpkg-deb -x "$work"/linux-image-*.deb "$work/kernel"
version=$(basename "$work"/kernel/boot/vmlinuz-*)
version=${version#vmlinuz-}
for modules in "$work/kernel/lib/modules/$version" "$work/kernel/usr/lib/modules/$version"; do
    [ -d "$modules" ] && break
done
[ -d "$modules" ] || die "kernel $version: its package has no modules"

mkdir -p "$work/root/modules"
gcc -std=gnu11 -O2 -static -s -pthread -Wall -Wextra -Werror \
    -o "$work/root/init" "$source_dir"/*.c ||
    die "the program does not compile; is libc6-dev installed?"

# add_module NAME: unpacks a module behind those it depends on; what is built in has no file to add.
# A module names its dependencies itself, so nothing but the package is needed (no depmod).
added=
count=0
add_module() {
    case " $added " in *" $1 "*) return ;; esac
    added="$added $1"
    pattern=$(echo "$1" | sed 's/_/[-_]/g') # a module's name has `_` where its file may have `-`
    file=$(find "$modules/kernel" -name "$pattern.ko*" -print -quit)
    if [ -z "$file" ]; then
        grep -q "/$pattern\.ko\$" "$modules/modules.builtin" ||
            die "kernel $version: expected module $1, found none"
        return
    fi
    case $file in
    *.xz) xz -dc "$file" ;;
    *.ko) cat "$file" ;;
    *) die "$file: expected .ko or .ko.xz" ;;
    esac >"$work/$1.ko"
    for needed in $(tr '\0' '\n' <"$work/$1.ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
        add_module "$needed"
    done
    count=$((count + 1))
    mv "$work/$1.ko" "$work/root/modules/$(printf %02d "$count")-$1.ko"
}
add_module virtio_pci
add_module virtio_net
add_module virtio_blk

# One file of each, complete or not there at all: written beside, then renamed.
mkdir "$staged"
find "$work/root" -exec touch -h -d @0 {} +
(cd "$work/root" && find . | sort) >"$work/names"
(cd "$work/root" && cpio --quiet -o -H newc --reproducible -R 0:0) <"$work/names" >"$work/cpio"
gzip -9n <"$work/cpio" >"$staged/initramfs.gz"
cp "$work/kernel/boot/vmlinuz-$version" "$staged/vmlinuz"
echo "$version" >"$staged/kernel-version"
chmod 0644 "$staged"/*
for name in vmlinuz initramfs.gz kernel-version; do # the last one says that all are there
    mv -f "$staged/$name" "$out_dir/$name"
done
