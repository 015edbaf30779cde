"""What a failed or harmed migration died of: the doctor's cause beside libvirt's words."""

from pathlib import Path

from rich.console import Console

from miglab.cli.common import progress, say
from miglab.errors import MiglabError
from miglab.lab.lab import Lab


def explain(lab: Lab, folder: Path, as_json: bool) -> None:
    """Looks at the hosts as they are now, and says what explains what was recorded there.

    The verdict stands already: whatever keeps the doctor from looking is a line, and no more.
    """
    try:
        _explain(lab, folder, as_json)
    except MiglabError as error:
        say(f"the doctor cannot look: {error}")


def _explain(lab: Lab, folder: Path, as_json: bool) -> None:
    from miglab.doctor.examination import examined, health
    from miglab.doctor.failure import explained, harmful
    from miglab.doctor.shells import lab_hosts, lab_shell
    from miglab.observe.history import History
    from miglab.report.doctor_console import show_explanation

    history = History.read(folder)
    error = history.outcome.error or ""
    if not error and history.command and history.command.exit_code:
        error = history.command.last_words
    policy = history.plan.scenario.policy
    shell, hosts = lab_shell(lab), lab_hosts(lab.reached)
    found = health(examined(shell, hosts, topology=lab.topology, policy=policy))
    source, target = history.plan.source, history.plan.target
    between = (source, target) if target else tuple(host.name for host in hosts)
    reason = explained(error, found, between) if error else harmful(found, between)
    show_explanation(progress if as_json else Console(highlight=False), error, reason)
