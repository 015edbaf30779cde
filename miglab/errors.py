"""Everything that miglab raises on purpose.

::

    MiglabError                 one line for the user; ``exit_code`` for the shell
    ├── UsageError              2  a wrong word on the command line
    ├── DeclarationError        2  a wrong file: file, key, expected, found
    ├── EvidenceError           3  too little was recorded to say anything
    │   └── FactError           3  a host did not tell something, or not readably
    └── LabError                4  the lab, not the migration, is broken
        ├── LockedError         4  somebody else is changing this lab
        ├── ImageError          4  a node's image cannot be built or had
        ├── NodeError           4  one node (or its namespace) is not as it must be
        ├── HypervisorError     4  libvirt on a node refuses or is away
        └── GuestError          4  the guest is absent, twice there, or silent
"""

from collections.abc import Iterable


class MiglabError(Exception):
    """Base of the tree; ``str()`` is what the user reads."""

    exit_code = 4

    def __str__(self) -> str:
        """One line, whatever the text that was passed on had in it."""
        return " ".join(super().__str__().split())


class UsageError(MiglabError):
    """A wrong word on the command line."""

    exit_code = 2


class DeclarationError(MiglabError):
    """A declaration that cannot be used; one line for each problem."""

    exit_code = 2

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __str__(self) -> str:
        """A line for each problem."""
        return "\n".join(self.problems)


class EvidenceError(MiglabError):
    """A recording that is absent, cut off or unreadable."""

    exit_code = 3


class FactError(EvidenceError):
    """A question that a host did not answer, or not in a way that can be read."""


class LabError(MiglabError):
    """The lab is broken: nothing can be said about any migration."""


class LockedError(LabError):
    """Another process holds the lab."""


class ImageError(LabError):
    """The image of a node cannot be built or had."""


class NodeError(LabError):
    """A node is not as it must be."""


class HypervisorError(LabError):
    """libvirt on a node refused or could not be reached."""


class GuestError(LabError):
    """The guest is absent, there twice, or silent."""
