"""What an iSCSI target daemon serves just now."""

import re
from dataclasses import dataclass, field

from pyinfra.api.facts import FactBase

HEAD = re.compile(r"Target (\d+): (\S+)")
SECTION = re.compile(r"[A-Z][\w ]* information:")
LUN, STORE = re.compile(r"LUN: (\d+)"), re.compile(r"Backing store path: (/\S+)")


@dataclass
class Served:
    """One target: tgt's number of it, paths by LUN, and the addresses that may log in."""

    tid: int
    disks: dict[int, str] = field(default_factory=dict)
    clients: list[str] = field(default_factory=list)


class Targets(FactBase[dict[str, Served]]):
    """Every target of tgt's, by its name."""

    default = dict

    def command(self) -> str:
        """Nothing where tgt does not run."""
        return "tgtadm --lld iscsi --mode target --op show 2>/dev/null || true"

    def process(self, output: list[str]) -> dict[str, Served]:
        """Sections of lines, set in by what they belong to."""
        found: dict[str, Served] = {}
        section, lun = "", 0
        target = Served(0)
        for line in filter(None, map(str.strip, output)):
            if head := HEAD.fullmatch(line):
                target = found[head[2]] = Served(int(head[1]))
            elif SECTION.fullmatch(line):
                section = line
            elif number := LUN.fullmatch(line):
                lun = int(number[1])
            elif store := STORE.fullmatch(line):
                target.disks[lun] = store[1]
            elif section.startswith("ACL"):
                target.clients.append(line)
        return found
