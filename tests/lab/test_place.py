"""Everything of a lab carries its prefix, and nothing else does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.errors import UsageError
from miglab.lab import place as module
from miglab.lab.place import Place, state_root

lab_names = st.from_regex(r"[a-z][a-z0-9-]{0,19}", fullmatch=True)
node_names = st.from_regex(r"[a-z][a-z0-9-]{0,13}[a-z0-9]", fullmatch=True)


@pytest.mark.parametrize("name", ["a", "default", "lab-2", "a" * 20])
def test_a_lab_may_be_called(name: str) -> None:
    """Short names of letters, digits and dashes."""
    assert Place(name).name == name


@pytest.mark.parametrize(
    "name", ["", "a" * 21, "Lab", "2lab", "-lab", "a.b", "a/b", "..", "a b", "a\n", "läb"]
)
def test_a_lab_may_not_be_called(name: str) -> None:
    """What would make a strange path, namespace or pattern is refused in one line."""
    with pytest.raises(UsageError) as refusal:
        Place(name)
    assert str(refusal.value).startswith("--lab: expected up to 20 lower-case letters")
    assert str(refusal.value).endswith(f"found {name!r}")


def test_state_lies_where_the_environment_says(state: Path) -> None:
    """MIGLAB_STATE moves everything."""
    assert state_root() == state
    assert Place("unit").directory == state / "labs" / "unit"


def test_state_lies_in_var_lib_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable, the usual place."""
    monkeypatch.delenv("MIGLAB_STATE", raising=False)
    assert state_root() == Path("/var/lib/miglab")


def test_files_lie_in_the_labs_directory(place: Place) -> None:
    """Nothing is written beside it, so removing it removes everything."""
    for path in (place.ssh_config, place.ssh_command, place.seed("source")):
        assert place.directory in path.parents


def test_only_its_own_namespaces(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lab whose name begins with another's is another lab; the fabric goes last."""
    pinned = tmp_path / "netns"
    pinned.mkdir()
    for name in ("miglab.unit", "miglab.unit.nfs", "miglab.unit.source", "miglab.unit-2"):
        (pinned / name).touch()
    for name in ("miglab.unit-2.nfs", "miglab.other", "docker"):
        (pinned / name).touch()
    monkeypatch.setattr(module, "NETNS", pinned)
    assert place.namespaces() == ["miglab.unit.source", "miglab.unit.nfs", "miglab.unit"]
    assert place.namespace_path() == pinned / "miglab.unit"
    assert place.namespace_path("nfs") == pinned / "miglab.unit.nfs"


@given(lab_names, lab_names, node_names, node_names)
def test_names_never_collide(lab: str, other: str, node: str, another: str) -> None:
    """Different labs or different nodes have different names, and none is a fabric's."""
    if (lab, node) != (other, another):
        assert Place(lab).node(node) != Place(other).node(another)
    assert Place(lab).node(node) != Place(other).fabric
