"""Facts that pyinfra does not have; each finds out by trying where trying is possible."""

import json
from typing import Any

from pyinfra.api.facts import FactBase


class OsRelease(FactBase[dict[str, str]]):
    """``/etc/os-release`` as a dictionary."""

    default = dict

    def command(self) -> str:
        """Prints the file."""
        return "cat /etc/os-release"

    def process(self, output: list[str]) -> dict[str, str]:
        """``KEY=value`` and ``KEY="value"`` lines."""
        pairs = (line.partition("=") for line in output if "=" in line)
        return {key: value.strip('"') for key, _, value in pairs}


class YesNo(FactBase[bool]):
    """A question that a command answers with ``yes``."""

    abstract = True

    def process(self, output: list[str]) -> bool:
        """Whether the last line is ``yes``."""
        return bool(output) and output[-1].strip() == "yes"


class KernelServesNfs(YesNo):
    """Whether this kernel has an NFS server: its control file system can be mounted."""

    def command(self) -> str:
        """Mounts nfsd's file system in a mount namespace of its own, so that nothing stays."""
        return (
            "modprobe -q nfsd 2>/dev/null;"
            " unshare --mount mount -t nfsd nfsd /mnt 2>/dev/null && echo yes || echo no"
        )


class KernelMountsNfs(YesNo):
    """Whether this kernel has an NFS client."""

    def command(self) -> str:
        """Asks the kernel after giving it the chance to load the module."""
        return (
            "modprobe -q nfsv4 2>/dev/null; grep -qw nfs4 /proc/filesystems && echo yes || echo no"
        )


class InContainer(YesNo):
    """Whether the host is a container, and so shares its firmware's identity with others."""

    def command(self) -> str:
        """systemd knows."""
        return "systemd-detect-virt --quiet --container && echo yes || echo no"


class CgroupsReadOnly(YesNo):
    """Whether libvirt could make no control group here, as in a container on cgroup v1."""

    def command(self) -> str:
        """The CPU controller on v1, the root on v2."""
        return (
            "for d in /sys/fs/cgroup/cpu /sys/fs/cgroup; do"
            " if [ -d $d ]; then [ -w $d ] && echo no || echo yes; break; fi; done"
        )


class Exists(YesNo):
    """Whether every one of ``paths`` is there."""

    def command(self, paths: tuple[str, ...]) -> str:
        """One test for all."""
        return " && ".join(f"test -e '{path}'" for path in paths) + " && echo yes || echo no"


class Owner(FactBase[str | None]):
    """``uid:gid mode`` of a path in numbers, or None: numbers are what NFS knows."""

    def command(self, path: str) -> str:
        """Nothing at all when the path is missing."""
        return f"stat -c '%u:%g %a' '{path}' 2>/dev/null || true"

    def process(self, output: list[str]) -> str | None:
        """The one line."""
        return output[0].strip() if output and output[0].strip() else None


class Text(FactBase[str | None]):
    """The content of a file, or None."""

    def command(self, path: str) -> str:
        """Nothing at all when the file is missing."""
        return f"if test -r '{path}'; then cat '{path}'; fi"

    def process(self, output: list[str]) -> str | None:
        """The lines as they are."""
        return "\n".join(output) + "\n" if output else None


class ActiveUnits(FactBase[set[str]]):
    """Units of systemd that are active, for instance to tell which network manager rules."""

    default = set

    def command(self) -> str:
        """Plain names."""
        return "systemctl list-units --state=active --plain --no-legend --no-pager"

    def process(self, output: list[str]) -> set[str]:
        """The first word of each line."""
        return {line.split()[0] for line in output if line.strip()}


class Interfaces(FactBase[dict[str, dict[str, Any]]]):
    """By interface: ``addresses`` (with prefix length), ``master``, ``mac``."""

    default = dict

    def command(self) -> str:
        """iproute2's own JSON."""
        return "ip -j address show"

    def process(self, output: list[str]) -> dict[str, dict[str, Any]]:
        """Only what a bridge is made of."""
        return {
            link["ifname"]: {
                "addresses": [
                    f"{entry['local']}/{entry['prefixlen']}"
                    for entry in link.get("addr_info", [])
                    if entry.get("family") == "inet"
                ],
                "master": link.get("master"),
                "mac": link.get("address"),
            }
            for link in json.loads("\n".join(output) or "[]")
            if "ifname" in link
        }


class Pool(FactBase[dict[str, str]]):
    """A libvirt storage pool: ``path``, ``active`` and ``autostart`` (yes or no); empty if absent."""

    default = dict

    def command(self, pool: str) -> str:
        """Prints nothing for a pool that does not exist."""
        return (
            f"virsh -q pool-info '{pool}' 2>/dev/null | sed -n 's/^State: */active /p;s/^Autostart: */autostart /p';"
            f" virsh -q pool-dumpxml '{pool}' 2>/dev/null | sed -n 's:.*<path>\\(.*\\)</path>.*:path \\1:p'"
        )

    def process(self, output: list[str]) -> dict[str, str]:
        """``running`` is libvirt's word for active."""
        pairs = dict(line.split(maxsplit=1) for line in output if " " in line.strip())
        if "active" in pairs:
            pairs["active"] = "yes" if pairs["active"].strip() == "running" else "no"
        return pairs


class GaneshaVersion(FactBase[int]):
    """The major version of nfs-ganesha, 0 where it is absent."""

    default = int

    def command(self) -> str:
        """``NFS-Ganesha Release = V6.5`` and variants of it."""
        return "ganesha.nfsd -v 2>/dev/null | sed -n 's/.*= V\\{0,1\\}\\([0-9]*\\)\\..*/\\1/p' | head -n 1"

    def process(self, output: list[str]) -> int:
        """The first number."""
        return int(output[0]) if output and output[0].isdigit() else 0


class PublicKey(FactBase[str | None]):
    """The key with which root of this host introduces itself elsewhere."""

    def command(self) -> str:
        """Nothing when there is none yet."""
        return "cat /root/.ssh/id_ed25519.pub 2>/dev/null || true"

    def process(self, output: list[str]) -> str | None:
        """Type and key, without the comment."""
        return " ".join(output[0].split()[:2]) if output and output[0].strip() else None


class HostKey(PublicKey):
    """The key with which this host introduces itself to those who log in."""

    def command(self) -> str:
        """sshd's ed25519 key."""
        return "cat /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null || ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key"
