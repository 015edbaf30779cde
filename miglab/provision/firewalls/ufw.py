"""ufw: a rule for each opening, known as ours by its comment."""

from collections.abc import Iterator

from miglab.provision.firewalls.openings import Opening

MARK = "comment 'miglab'"


def rules(wanted: tuple[Opening, ...]) -> list[str]:
    """As ``ufw show added`` prints them, without the program's name."""
    return [
        f"allow from {each.source} to any port {port.replace('-', ':')} proto tcp {MARK}"
        for each in wanted
        for port in each.ports
    ]


def commands(wanted: tuple[Opening, ...], added: list[str]) -> Iterator[str]:
    """Adds what is missing and takes away what is ours and not wanted any more."""
    all_wanted = rules(wanted)
    for rule in all_wanted:
        if rule not in added:
            yield f"ufw {rule}"
    for rule in added:
        if rule.endswith(MARK) and rule not in all_wanted:
            yield f"ufw delete {rule.removesuffix(MARK).strip()}"
