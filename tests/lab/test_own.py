"""Inventories of own hosts: whose way is which, and what is told of one that cannot be used."""

from pathlib import Path

import pytest
from pyinfra.connectors.ssh import ConnectorData

from miglab.errors import DeclarationError
from miglab.lab.own import PASSWORDS, PYINFRA, Own, declaration_path, inventory_path, read_inventory


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hypervisor = ['alice']", "expected two hypervisors or more, found 1"),
        ("", "expected two hypervisors or more, found 0"),
        (
            "hypervisor = [('a', {'role': 'king'})]",
            "a: role: expected one of nfs, storage, hypervisor, found",
        ),
        ("hypervisor = [('a', {'ssh_port': 'x'}), 'b']", "a: ssh_port: "),
        (
            "hypervisor = [('a', {'ssh_prot': 22}), 'b']",
            "a: ssh_prot: expected one of ssh_hostname, ssh_user, ssh_port, ssh_key, ssh_config_fi",
        ),
        (
            "hypervisor = [('a', {'ssh_password': 'x'}), 'b']",
            "a: ssh_password: expected no such key: nothing is asked; have a key let in there, by",
        ),
        ("hypervisor = [('a', {'ssh_key_password': 'x'}), 'b']", "give the key to ssh-agent"),
        ("hypervisor = [7, 8]", "expected a name, or a name and its data, found 7"),
        ("raise SystemExit", "cannot be read: SystemExit"),
        ("1 +", "cannot be read: SyntaxError"),
    ],
)
def test_an_inventory_that_cannot_be_used_is_one_line(
    tmp_path: Path, text: str, words: str
) -> None:
    """With the file, what was expected and what was found."""
    path = tmp_path / "site.py"
    path.write_text(text)
    with pytest.raises(DeclarationError) as error:
        read_inventory(path)
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_pyinfra_s_own_connector_knows_is_no_mistake(tmp_path: Path) -> None:
    """All its keys are ours, or let be, or refused with the way out; others are whoever's."""
    ours = {key for key in Own.model_fields if key.startswith("ssh_")}
    assert set(ConnectorData.__annotations__) == {*ours, *PYINFRA, *PASSWORDS}
    path = tmp_path / "site.py"
    data = {"ssh_allow_agent": True, "rack": 7}
    path.write_text(f"hypervisor = [('alice', {data}), 'bob']\n")
    assert list(read_inventory(path)) == ["alice", "bob"]


def test_an_inventory_that_is_not_there(tmp_path: Path) -> None:
    """Is said so."""
    with pytest.raises(DeclarationError, match=r"nope\.py: there is no such inventory"):
        read_inventory(tmp_path / "nope.py")


def test_who_connects_is_no_part_of_a_name(tmp_path: Path) -> None:
    """pyinfra's own connector, or a lab's."""
    path = tmp_path / "site.py"
    path.write_text("hypervisor = ['@ssh/alice', ('@lab/site/bob', {'ssh_user': 'root'})]\n")
    found = read_inventory(path)
    assert list(found) == ["alice", "bob"]
    assert all(own.is_root for own in found.values())


def test_one_word_names_inventory_and_declaration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The declaration lies beside the inventory."""
    monkeypatch.delenv("MIGLAB_INVENTORY", raising=False)
    assert inventory_path() == Path("inventories/site.py")
    assert declaration_path() == Path("inventories/site.yaml")
    monkeypatch.setenv("MIGLAB_INVENTORY", "/etc/hosts-of-mine.py")
    assert declaration_path() == Path("/etc/hosts-of-mine.yaml")
