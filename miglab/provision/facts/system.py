"""What a host is, and what lies and runs on it."""

from pyinfra.api.facts import FactBase


class YesNo(FactBase[bool]):
    """A question that a command answers with ``yes``; silence is a no."""

    abstract = True
    default = bool

    def process(self, output: list[str]) -> bool:
        """Whether the last line is ``yes``."""
        return bool(output) and output[-1].strip() == "yes"


class OsRelease(FactBase[dict[str, str]]):
    """``/etc/os-release`` as a dictionary."""

    default = dict

    def command(self) -> str:
        """Prints the file."""
        return "cat /etc/os-release"

    def process(self, output: list[str]) -> dict[str, str]:
        """``KEY=value`` lines, whose values may stand in quotes."""
        pairs = (line.partition("=") for line in output if "=" in line)
        return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


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


class Selinux(YesNo):
    """Whether SELinux has a say here."""

    def command(self) -> str:
        """Its own tool, absent where SELinux is."""
        return "selinuxenabled 2>/dev/null && echo yes || echo no"


class Monolithic(YesNo):
    """Whether libvirt is one daemon here by somebody's choice."""

    def command(self) -> str:
        """By what starts at boot, or runs now."""
        return (
            "{ systemctl is-enabled libvirtd.socket libvirtd.service;"
            " systemctl is-active libvirtd.socket libvirtd.service; } 2>/dev/null"
            " | grep -qxE 'enabled|active' && echo yes || echo no"
        )


class Disabled(YesNo):
    """Whether a unit is there and nothing starts it at boot; one that is masked is not meant."""

    def command(self, unit: str) -> str:
        """In systemd's own word."""
        return f"systemctl is-enabled {unit} 2>/dev/null | grep -qx disabled && echo yes || echo no"


class Masked(YesNo):
    """Whether somebody has seen to it that a unit cannot be started."""

    def command(self, unit: str) -> str:
        """Until the next boot, or for good."""
        return f"systemctl is-enabled {unit} 2>/dev/null | grep -q ^masked && echo yes || echo no"


class Exists(YesNo):
    """Whether every one of ``paths`` is there."""

    def command(self, paths: tuple[str, ...]) -> str:
        """One test for all."""
        return " && ".join(f"test -e '{path}'" for path in paths) + " && echo yes || echo no"


class Archived(YesNo):
    """Whether a tar holds that member."""

    def command(self, archive: str, member: str) -> str:
        """tar reads no further than where the archive ends."""
        return f"tar -tf '{archive}' '{member}' >/dev/null 2>&1 && echo yes || echo no"


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
