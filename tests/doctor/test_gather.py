"""Every question is really asked, of this machine; what comes back is told apart."""

import subprocess
from pathlib import Path

import pytest

from miglab.doctor.domain import read_domains
from miglab.doctor.facts import HostFacts
from miglab.doctor.gather import HELLO, Host, Known, examine, gather, questions, script, split
from miglab.errors import FactError, NodeError

HERE = Host(name="here", address="127.0.0.1", role="hypervisor")
STORE = Host(name="store", address="127.0.0.1", role="nfs")


def local(_: str, text: str, seconds: float) -> str:
    """A shell on this machine."""
    done = subprocess.run(
        ["sh", "-s"], input=text, capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.stdout


def test_all_questions_are_answered_in_plain_sh() -> None:
    """Also where nothing of what is asked about is installed."""
    (found,) = gather(local, [HERE], Known(share="/nowhere"), seconds=60)
    assert set(found.answers) == set(questions())
    assert found.problem is None
    assert not [name for name, each in found.answers.items() if "syntax error" in each.text.lower()]
    assert found.line("identity", "kernel")
    assert found.offset_ms is not None
    assert found.offset_uncertainty_ms is not None
    assert abs(found.offset_ms) <= found.offset_uncertainty_ms + 1


def test_a_host_is_told_of_the_others() -> None:
    """By name and address; those that move guests by name."""
    text = script(HERE, [HERE, STORE], {"x": "true"}, Known(images=("/a b", "/c")))
    assert "PEERS=store=127.0.0.1" in text
    assert "MOVERS=''" in text
    assert "IMAGES='/a b /c'" in text


VIRSH = """#!/bin/sh
case "$3 $4" in
  "list --all") [ -z "$BROKEN" ] || { echo "error: no connection" >&2; exit 1; }
    [ -e $0.asked ] || echo gone-1; touch $0.asked; echo here-1 ;;
  "dominfo here-1") printf 'State:          shut off\\nPersistent:     yes\\n' ;;
  "dumpxml here-1") echo "<domain type='kvm'><name>vm 7</name></domain>" ;;
  *) echo "error: failed to get domain '$4'" >&2; exit 1 ;;
esac
"""


def domains(folder: Path, **given: str) -> HostFacts:
    """What the question makes of a virsh of ours, of which one guest goes away meanwhile."""
    virsh = folder / "virsh"
    virsh.write_text(VIRSH)
    virsh.chmod(0o755)
    values = "".join(f"export {key}={value}\n" for key, value in given.items())
    text = f"PATH={folder}:$PATH\n{values}" + script(
        HERE, [HERE], {"domains": questions()["domains"]}, Known()
    )
    return examine(local, HERE, text, 60)


def test_a_guest_that_went_away_is_none(tmp_path: Path) -> None:
    """The others are told of."""
    (guest,) = domains(tmp_path).domains
    assert (guest.name, guest.state, guest.persistent) == ("vm 7", "shut off", True)


def test_guests_that_cannot_be_listed_are_not_none(tmp_path: Path) -> None:
    """The failure is told, in virsh's words."""
    with pytest.raises(FactError, match=r"here: domains: failed \(1\): error: no connection"):
        assert domains(tmp_path, BROKEN="yes").domains


@pytest.mark.parametrize(
    "text",
    ["garbage", "domain", "domain x yes running\n<domain/>", "domain x yes running\n<domain", "\0"],
)
def test_guests_that_cannot_be_read_are_not_none(text: str) -> None:
    """One line that names the host."""
    with pytest.raises(FactError, match="here: "):
        read_domains("here", text)


@pytest.mark.parametrize("question", sorted(questions()))
def test_a_question_says_first_what_it_asks(question: str) -> None:
    """And what form the answer has."""
    assert questions()[question].startswith("# ")


def test_a_host_that_is_away_is_in_it_with_the_reason() -> None:
    """The others are asked all the same."""

    def shell(host: str, text: str, seconds: float) -> str:
        if host == "store":
            raise NodeError("store: ssh gave no answer within 10 s")
        return local(host, text, seconds)

    here, store = gather(shell, [HERE, STORE], Known(), seconds=60)
    assert here.problem is None
    assert store.problem == "store: ssh gave no answer within 10 s"
    with pytest.raises(FactError, match="store: nothing is known of its names"):
        store.text("names")


@pytest.mark.parametrize("said", ["", "This account is not available.", "\x00\xff"])
def test_garbage_is_no_answer(said: str) -> None:
    """One line, with what was found."""
    found = examine(lambda *_: said, HERE, "", 1)
    assert found.problem is not None
    assert found.problem.startswith("here: expected answers, found ")


def test_what_was_cut_off_is_not_there() -> None:
    """And what failed says so."""
    said = f"{HELLO} 1.0\n=== a\nb 1\n=== a 0\n=== bad\nno such thing\n=== bad 3\n=== cut\nb 2\n"
    assert set(split(said)) == {"a", "bad"}
    found = examine(lambda *_: said, HERE, "", 1)
    assert found.lines("a", "b") == ("1",)
    with pytest.raises(FactError, match=r"here: bad: failed \(3\): no such thing"):
        found.text("bad")
    with pytest.raises(FactError, match="expected a line z …, found none"):
        found.line("a", "z")
    with pytest.raises(FactError, match="nothing is known of its cut"):
        found.answer("cut")
