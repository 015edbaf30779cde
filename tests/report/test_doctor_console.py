"""A diagnosis as people see it."""

import io

from rich.console import Console

from miglab.doctor.failure import Explanation
from miglab.report.doctor_console import show, show_explanation
from tests.doctor.recorded import Change, found


def printed(*changes: Change) -> list[str]:
    """What is shown of the facts with these changes, line by line."""
    text = io.StringIO()
    show(Console(file=text, width=60, color_system=None), found(*changes))
    return text.getvalue().splitlines()


NOWHERE = Change("target", "names", "name source 192.168.80.121", "name source")
NO_SSH = Change("target", "trust", "ssh source 0", "ssh source 255 Could not resolve hostname")


def test_causes_come_first_with_evidence_and_remedy() -> None:
    """Then what follows, which names its cause; the last line says what it comes to."""
    lines = printed(NOWHERE, NO_SSH)
    heads = [line for line in lines if line.startswith(("blocks", "advice"))]
    assert (
        heads[0]
        == "blocks     name-resolution  target → source  target does not know the name source"
    )
    assert lines.index("           comes of name-resolution") > lines.index(heads[0])
    assert "           saw   target: getent ahostsv4 source: no address" in lines
    assert any(line.startswith("           on target: cp /etc/hosts") for line in lines)
    assert any("`miglab deploy` mend it" in line for line in lines)
    assert lines[-1] == "nfs, source, target: a migration would be harmed"


def test_health_is_one_line_and_which_acceleration_works() -> None:
    """With the reason."""
    lines = printed()
    assert lines[0].startswith("source: tcg: qemu-system-x86_64: ")
    assert lines[-1] == "nfs, source, target: nothing was found that would harm a migration"


def test_what_could_not_be_told_is_told() -> None:
    """It is no health."""
    lines = printed(Change("source", "memory", "", "garbage"))
    (line,) = [line for line in lines if line.startswith("could not tell")]
    assert line == (
        "could not tell  memory  target → source"
        "  source: memory: expected a line MemAvailable …, found none"
    )
    assert lines[-1].endswith("not all could be told")


def test_words_of_libvirt_stand_beside_what_they_mean() -> None:
    """Words that nobody knows stand as they are."""
    text = io.StringIO()
    console = Console(file=text, width=60, color_system=None)
    show_explanation(console, "the moon is full", Explanation(None, ()))
    findings = found(NOWHERE).findings
    show_explanation(console, "no name", Explanation("a name is wrong", findings[:1]))
    lines = text.getvalue().splitlines()
    assert lines[:2] == [
        "libvirt said  the moon is full",
        "the doctor sees nothing on the hosts now that explains it",
    ]
    assert lines[2:4] == ["libvirt said  no name", "which means   a name is wrong"]
    assert lines[4].startswith("blocks     name-resolution")


def test_what_would_stop_a_migration_stands_beside_words_that_nobody_knows() -> None:
    """With the doubt."""
    text = io.StringIO()
    console = Console(file=text, width=60, color_system=None)
    show_explanation(
        console, "the moon is full", Explanation(None, (), found(NOWHERE).findings[:1])
    )
    lines = text.getvalue().splitlines()
    assert lines[1].endswith("explains it for certain; this would stop a migration")
    assert lines[2].startswith("blocks     name-resolution")
