"""The parts of a deploy, of which some can be chosen: ``--only names,trust``."""

from miglab.errors import UsageError

ROLES = (
    "names",
    "firewall",
    "storage",
    "hypervisor",
    "guest",
    "share",
    "trust",
    "certificates",
)
"""In the order in which they are done."""


def chosen(text: str | None) -> frozenset[str]:
    """The roles that ``text`` lists, all if it is None; raises UsageError for another word."""
    if text is None:
        return frozenset(ROLES)
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in ROLES]:
        raise UsageError(
            f"--only: expected some of {', '.join(ROLES)}, found {', '.join(map(repr, unknown))}"
        )
    return frozenset(words)
