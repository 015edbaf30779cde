"""A diagnosis in a terminal: causes first, each with its evidence and how to mend it."""

from rich.console import Console
from rich.text import Text

from miglab.doctor.diagnose import Diagnosis
from miglab.doctor.failure import Explanation
from miglab.doctor.finding import Finding, Remedy

STYLES = {
    "blocks": "bold red",
    "dangerous": "bold magenta",
    "slow": "bold yellow",
    "advice": "bold blue",
}
HEADLINES = {
    "healthy": ("bold green", "nothing was found that would harm a migration"),
    "findings": ("bold red", "a migration would be harmed"),
    "unknown": ("bold yellow", "not all could be told"),
    "unreachable": ("bold red", "not all hosts could be asked"),
}

NOTHING = "the doctor sees nothing on the hosts now that explains it"
BESIDES = f"{NOTHING} for certain; this would stop a migration"


def show(console: Console, found: Diagnosis) -> None:
    """Everything, and in the last line what it comes to."""
    for host, words in found.acceleration.items():
        _line(console, f"{host}: {words}", "dim")
    for unreached in found.unreached:
        _line(console, f"unreachable  {unreached.why}", "bold red")
    for finding in found.findings:
        _finding(console, finding)
    for untold in found.untold:
        where = " → ".join(untold.hosts)
        _line(console, f"could not tell  {untold.id}  {where}  {untold.why}", "yellow")
    style, words = HEADLINES[found.state]
    _line(console, f"{', '.join(found.hosts) or 'no host'}: {words}", style)


def show_explanation(console: Console, error: str, reason: Explanation) -> None:
    """Libvirt's words, what they mean, and every finding that explains them; nothing for none.

    Where none does, what else would stop a migration: the words may be of it all the same.
    """
    if error:
        _line(console, f"libvirt said  {error}", "default")
    if reason.meaning:
        _line(console, f"which means   {reason.meaning}", "bold")
    for finding in reason.causes:
        _finding(console, finding)
    if error and not reason.causes:
        _line(console, BESIDES if reason.besides else NOTHING, "dim")
    for finding in reason.besides:
        _finding(console, finding)


def _finding(console: Console, finding: Finding) -> None:
    head = Text(f"{finding.severity:<9}", STYLES[finding.severity])
    head.append(f"  {finding.id}  {finding.where}  ", style="bold").append(finding.what)
    console.print(head, soft_wrap=True)
    if finding.follows:
        _line(console, f"           comes of {finding.follows}", "dim")
    for line in finding.evidence:
        _line(console, f"           saw   {line}", "dim")
    for line in remedy_lines(finding.remedy):
        _line(console, f"           {line}", "default")


def remedy_lines(remedy: Remedy) -> list[str]:
    """What to do, and where to type what."""
    lines = [f"do    {remedy.what}"]
    if remedy.command:
        lines.append(f"on {remedy.host}: {remedy.command}")
    if remedy.deploy:
        lines.append("or let `miglab deploy` mend it")
    return lines


def _line(console: Console, text: str, style: str) -> None:
    console.print(Text(text, style), soft_wrap=True)
