#!/usr/bin/env bash
# Makes present what miglab needs on this machine: system packages, then .venv from requirements.lock.
# With `tests` as its argument also what only they need, with `pictures` what those of the tutorial and the
# scenario with virt-manager need. Looks first and acts only on what is missing; a second
# run touches neither network nor disk.
# Exit codes: 0 all is there; 4 something is missing and cannot be had, in one line.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-}

# What is needed, by family. The first column says how to look where no package database is asked:
# a command, a file (/…), or a pkg-config module (pc:…). `-` stands for: part of another package.
needed() {
    cat <<'TABLE'
podman                  podman                  podman                podman            podman
runc                    runc                    runc                  runc              runc
crun                    crun                    crun                  crun              crun
slirp4netns             slirp4netns             slirp4netns           slirp4netns       slirp4netns
mmdebstrap              mmdebstrap              mmdebstrap            mmdebstrap        mmdebstrap
mke2fs                  e2fsprogs               e2fsprogs             e2fsprogs         e2fsprogs
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring debian-keyring debian-keyring debian-archive-keyring
nft                     nftables                nftables              nftables          nftables
ip                      iproute2                iproute               iproute2          iproute2
nc                      netcat-openbsd          nmap-ncat             netcat-openbsd    openbsd-netcat
ssh                     openssh-client          openssh-clients       openssh-clients   openssh
nsenter                 util-linux              util-linux            util-linux        util-linux
sysctl                  procps                  procps-ng             procps            procps-ng
pkg-config              pkg-config              pkgconf-pkg-config    pkgconf-pkg-config pkgconf
pc:libvirt              libvirt-dev             libvirt-devel         libvirt-devel     libvirt
gcc                     gcc                     gcc                   gcc               gcc
/usr/include/stdlib.h   libc6-dev               glibc-devel           glibc-devel       glibc
make                    make                    make                  make              make
TABLE
    [ "$purpose" != tests ] || cat <<'TABLE'
chromium                chromium                chromium              chromium          chromium
chromedriver            chromium-driver         chromedriver          chromedriver      chromium
TABLE
    [ "$purpose" != vagrant ] || cat <<'TABLE'
vagrant                 vagrant                 vagrant               vagrant           vagrant
/usr/share/doc/vagrant-libvirt vagrant-libvirt  vagrant-libvirt       vagrant-libvirt   vagrant-libvirt
libvirtd                libvirt-daemon-system   libvirt-daemon        libvirt-daemon    libvirt
virsh                   libvirt-clients         libvirt-client        libvirt-client    libvirt
qemu-system-x86_64      qemu-system-x86         qemu-kvm              qemu-x86          qemu-system-x86
qemu-img                qemu-utils              qemu-img              qemu-img          qemu-img
dnsmasq                 dnsmasq-base            dnsmasq               dnsmasq           dnsmasq
TABLE
    [ "$purpose" != pictures ] || cat <<'TABLE'
virt-manager            virt-manager            virt-manager          virt-manager      virt-manager
Xvfb                    xvfb                    xorg-x11-server-Xvfb  xorg-x11-server-Xvfb xorg-server-xvfb
dbus-daemon             dbus-daemon             dbus-daemon           dbus-1-daemon     dbus
/usr/lib/at-spi2-registryd at-spi2-core          at-spi2-core          at-spi2-core      at-spi2-core
/usr/lib/girepository-1.0/Atspi-2.0.typelib gir1.2-atspi-2.0 at-spi2-core typelib-1_0-Atspi-2_0 at-spi2-core
TABLE
}

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "$@"
    exit 4
}

# The first Python that is new enough, the distribution's own before others: a line that tells its path, what
# it lacks to make an environment and to compile against itself (`venv`, `dev`), and its version.
PROBE='import importlib.util, os, sys, sysconfig
if sys.version_info < (3, 11): sys.exit(1)
venv = all(map(importlib.util.find_spec, ("ensurepip", "venv")))
dev = os.path.exists(sysconfig.get_path("include") + "/Python.h")
lacks = [word for word, there in (("venv", venv), ("dev", dev)) if not there]
print(sys.executable, ",".join(lacks) or "-", sys.version.replace("\n", " "))'

# With .venv active its own Python would be found first, and be gone once .venv is made anew.
PATH=":$PATH:"
while [[ $PATH == *":$PWD/.venv/bin:"* ]]; do # twice, where it was activated twice
    PATH=${PATH//":$PWD/.venv/bin:"/:}
done
PATH=${PATH#:}
PATH=${PATH%:}

probe_python() {
    local name
    for name in python3 python3.13 python3.12 python3.11; do
        "$name" -c "$PROBE" 2>/dev/null && return
    done
    return 0
}

family() {
    local look
    for look in apt-get:debian dnf:redhat zypper:suse pacman:arch; do
        if command -v "${look%:*}" >/dev/null; then
            echo "${look#*:}"
            return
        fi
    done
    echo unknown
}

there() {
    case $1 in
        /*) test -e "$1" ;;
        pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# Package names of this family that are missing, one a line.
missing() {
    local look debian redhat suse arch name
    local -A installed=()
    if [ "$1" = debian ]; then
        # shellcheck disable=SC2016 # the braces are dpkg-query's
        while read -r name look; do
            [ "$look" = installed ] && installed[$name]=1
        done < <(needed | awk '{ print $2 }' \
            | xargs dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null)
    fi
    while read -r look debian redhat suse arch; do
        case $1 in
            debian) [ -n "${installed[$debian]:-}" ] || echo "$debian" ;;
            redhat) rpm -q "$redhat" >/dev/null 2>&1 || echo "$redhat" ;;
            suse) rpm -q "$suse" >/dev/null 2>&1 || echo "$suse" ;;
            arch) there "$look" || echo "$arch" ;;
            *) there "$look" || echo "$debian" ;;
        esac
    done < <(needed)
}

# Packages that the Python of line $2 lacks; without any, the distribution's default.
missing_python() {
    local executable lacks lack version=python3
    read -r executable lacks _ <<<"${2:-python3 venv,dev}"
    [ "$lacks" != - ] || return 0
    version=$(basename "$executable")
    for lack in ${lacks//,/ }; do
        case $1-$lack in
            redhat-dev | suse-dev) echo "$version-devel" ;;
            redhat-venv | suse-venv) echo "$version" ;;
            arch-*) echo python ;;
            *) echo "$version-$lack" ;;
        esac
    done | sort -u
}

system_packages() {
    local kind
    local -a lacking
    kind=$(family)
    mapfile -t lacking < <(missing "$kind"; missing_python "$kind" "$python")
    [ ${#lacking[@]} -gt 0 ] || return 0
    case $kind in
        debian) ;;
        redhat) give_up "missing here; install with: dnf install ${lacking[*]}" ;;
        suse) give_up "missing here; install with: zypper install ${lacking[*]}" ;;
        arch) give_up "missing here; install with: pacman -S ${lacking[*]}" ;;
        *) give_up "missing here, by their Debian names: ${lacking[*]}" ;;
    esac
    [ "$(id -u)" = 0 ] || give_up "missing, and only root can install: ${lacking[*]}"
    say "installing ${lacking[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local -a apt=(apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -q)
    dpkg --configure -a >&2 || true # where an earlier installation was interrupted
    "${apt[@]}" update >&2 || give_up "apt-get update failed; is the package registry reachable?"
    "${apt[@]}" install -y --no-install-recommends "${lacking[@]}" >&2 \
        || give_up "apt-get could not install ${lacking[*]}; its own words stand above"
    python=$(probe_python)
}

environment() {
    local executable stamp
    [ -n "$python" ] || give_up "python: expected 3.11 or newer as python3, python3.13, .12 or .11," \
        "found $(python3 --version 2>/dev/null || echo none)"
    exec 9<requirements.lock
    flock 9 # two at once would each remove what the other has begun
    stamp=$({ echo "$PWD $python"; cat requirements.lock pyproject.toml; } | sha256sum)
    # The stamp is written last and lies inside: an environment without it was interrupted.
    if [ "$(cat .venv/installed 2>/dev/null)" = "$stamp" ] && [ -x .venv/bin/python ]; then
        return
    fi
    read -r executable _ <<<"$python"
    say "making .venv from requirements.lock"
    rm -rf .venv
    "$executable" -m venv .venv
    # setuptools first, from the lock too: what has no wheel is built with it, not with today's newest.
    locked '^setuptools==' >.venv/build.lock
    locked '^libvirt-python==' >.venv/compiled.lock
    locked '^(setuptools|libvirt-python)==' ! >.venv/ready.lock
    pip_does install --require-hashes -r .venv/build.lock
    # The one package that is compiled takes as long as all others together: side by side.
    pip_does wheel --require-hashes --no-build-isolation -w .venv/wheels -r .venv/compiled.lock &
    pip_does install --no-compile --require-hashes --only-binary :all: -r .venv/ready.lock
    wait $!
    pip_does install --no-compile --no-deps --no-index .venv/wheels/*.whl
    pip_does install --no-compile --no-deps --no-build-isolation -e .
    rm -rf .venv/wheels
    # All at once, on all processors: otherwise the first start of each command pays for it, and every
    # start where PYTHONDONTWRITEBYTECODE is set.
    .venv/bin/python -m compileall -q -j 0 .venv/lib miglab >&2 || true
    echo "$stamp" >.venv/installed
}

# The pins of requirements.lock whose first line matches $1 (with !, all others).
locked() {
    awk -v wanted="$1" -v not="${2:-}" '/^[a-z]/ { on = ($0 ~ wanted) != (not == "!") } on' requirements.lock
}

pip_does() {
    .venv/bin/pip --disable-pip-version-check -qq "$@" >&2 \
        || give_up ".venv: pip $1 failed; its own words stand above; is the package registry reachable?"
}

python=$(probe_python)
system_packages
environment
