"""What a host can do with NFS, and how files and pools are."""

from pyinfra.api.facts import FactBase

from miglab.provision.facts.system import YesNo

POOL_KEYS = ("active", "autostart", "path")


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


class Mounted(YesNo):
    """Whether something is mounted there."""

    def command(self, path: str) -> str:
        """By util-linux."""
        return f"mountpoint -q '{path}' && echo yes || echo no"


class Occupied(YesNo):
    """Whether a directory holds anything but what a file system of its own has at first."""

    def command(self, path: str) -> str:
        """No for one that is missing."""
        return f"ls -A '{path}' 2>/dev/null | grep -qvx lost+found && echo yes || echo no"


class Size(FactBase[int | None]):
    """How many bytes a file has; None without one."""

    def command(self, path: str) -> str:
        """Nothing at all when the path is missing."""
        return f"stat -c %s '{path}' 2>/dev/null || true"

    def process(self, output: list[str]) -> int | None:
        """The one number."""
        return int(output[0]) if output and output[0].strip().isdecimal() else None


class Owner(FactBase[str | None]):
    """``uid:gid mode`` of a path in numbers, or None: numbers are what NFS knows."""

    def command(self, path: str) -> str:
        """Nothing at all when the path is missing."""
        return f"stat -c '%u:%g %a' '{path}' 2>/dev/null || true"

    def process(self, output: list[str]) -> str | None:
        """The one line."""
        return output[0].strip() if output and output[0].strip() else None


class Pool(FactBase[dict[str, str]]):
    """A libvirt storage pool: ``path``, ``active``, ``autostart`` (yes or no); empty if absent."""

    default = dict

    def command(self, pool: str) -> str:
        """Prints nothing for a pool that does not exist; in English, whatever the host speaks."""
        words = "s/^State: */active /p;s/^Autostart: */autostart /p"
        path = "s:.*<path>\\(.*\\)</path>.*:path \\1:p"
        return (
            f"LC_ALL=C virsh -q pool-info '{pool}' 2>/dev/null | sed -n '{words}';"
            f" virsh -q pool-dumpxml '{pool}' 2>/dev/null | sed -n '{path}'"
        )

    def process(self, output: list[str]) -> dict[str, str]:
        """``running`` is libvirt's word for active."""
        words = (line.strip().partition(" ") for line in output)
        pairs = {key: value.strip() for key, _, value in words if key in POOL_KEYS and value}
        if "active" in pairs:
            pairs["active"] = "yes" if pairs["active"] == "running" else "no"
        return pairs


class GaneshaVersion(FactBase[int]):
    """The major version of nfs-ganesha, 0 where it is absent."""

    default = int

    def command(self) -> str:
        """``NFS-Ganesha Release = V6.5`` and variants of it."""
        number = "s/.*= V\\{0,1\\}\\([0-9]*\\)\\..*/\\1/p"
        return f"ganesha.nfsd -v 2>/dev/null | sed -n '{number}' | head -n 1"

    def process(self, output: list[str]) -> int:
        """The first number."""
        return int(output[0]) if output and output[0].strip().isdecimal() else 0
