"""The guest's serial console, as each host logged it during the run."""

import re
import shlex

from miglab.values import Value

TEXT_MAX = 65_536  # a kernel that has gone mad says the same again and again
SIGNS = re.compile(
    r"Oops|BUG: |kernel BUG at|Kernel panic|soft lockup|hard LOCKUP|blocked for more than"
    r"|Call Trace|rcu.*detected.*stall|stress-ng: (fail|error)"
)


class Console(Value):
    """What one host's log of the console grew by; None when the host did not say."""

    host: str
    text: str | None

    def complaints(self) -> list[str]:
        """Lines in which a kernel complains, or a load that checks itself."""
        return [line.strip() for line in (self.text or "").splitlines() if SIGNS.search(line)]


def path(guest: str) -> str:
    """Where a host logs the console of ``guest``; the domain names the same file."""
    return f"/var/log/libvirt/qemu/{guest}.console"


def size_script(guest: str) -> str:
    """A shell script that prints how long the log is, 0 where there is none."""
    return f"stat -c %s {shlex.quote(path(guest))} 2>/dev/null || echo 0"


def growth_script(guest: str, size: int) -> str:
    """A shell script that prints what was added since the log was ``size`` long.

    A log that is shorter now was begun anew: all of it is new.
    """
    file = shlex.quote(path(guest))
    return (
        f"[ -e {file} ] || exit 0; now=$(stat -c %s {file});"
        f" tail -c +$(( now < {size} ? 1 : {size} + 1 )) {file} | head -c {TEXT_MAX}"
    )
