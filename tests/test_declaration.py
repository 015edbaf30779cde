"""What a declaration may say, and in which words everything else is refused."""

import copy
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from miglab.declaration import conflicts, load
from miglab.errors import DeclarationError
from miglab.topology import Topology

SHIPPED = Path(__file__).parents[1] / "inventories" / "topology.yaml"
MACHINE = 24 << 30
ABSENT = object()

Case = tuple[str, object, str]


@pytest.fixture
def refuse(tmp_path: Path) -> Callable[[str], list[str]]:
    """The lines with which a text is refused, the file's name at their beginning removed."""

    def lines(text: str) -> list[str]:
        path = tmp_path / "lab.yaml"
        path.write_text(text)
        with pytest.raises(DeclarationError) as refusal:
            load(path, MACHINE)
        assert refusal.value.exit_code == 2
        found = str(refusal.value).split("\n")
        assert all(line.startswith(f"{path}: ") for line in found)
        return [line.removeprefix(f"{path}: ") for line in found]

    return lines


def changed(*changes: tuple[str, object]) -> str:
    """The shipped declaration with some keys (``nodes.1.name``) set, or removed by ABSENT."""
    data: Any = yaml.safe_load(SHIPPED.read_text())
    for key, value in changes:
        *path, last = (int(part) if part.isdigit() else part for part in key.split("."))
        place = data
        for part in path:
            place = place[part]
        if value is ABSENT:
            del place[last]
        else:
            place[last] = value
    return yaml.safe_dump(data)


def test_the_shipped_declaration_is_the_tutorials() -> None:
    """The file that comes with the project is the network of the tutorial."""
    topology = load(SHIPPED, MACHINE)
    assert [(node.name, str(node.address)) for node in topology.nodes] == [
        ("nfs", "192.168.80.100"),
        ("source", "192.168.80.121"),
        ("target", "192.168.80.161"),
    ]
    assert topology.storage.name == "nfs"
    assert topology.source.name == "source"
    assert topology.guest.memory == 256 << 20


VALUES: list[Case] = [
    ("network.subnet", "192.168.80.1/24", "a valid IPv4 network, found '192.168.80.1/24'"),
    ("network.gateway", "here", "a valid IPv4 address, found 'here'"),
    ("network.nic", "eth 0", "an interface name such as ens33, found 'eth 0'"),
    ("network.bridge", "b" * 16, f"an interface name such as ens33, found '{'b' * 16}'"),
    ("network.nic", "lo", "a name the lab does not use itself, found 'lo'"),
    ("share.path", "opt/kvmshare", "an absolute directory of letters"),
    ("share.path", "/", "an absolute directory of letters"),
    ("share.path", "/opt/../etc", "an absolute directory of letters"),
    ("share.path", "/opt/my share", "an absolute directory of letters"),
    ("share.path", 5, "a path, found 5"),
    ("share.owner", 0, "greater than 0, found 0"),
    ("share.owner", "qemu", "a whole number, found 'qemu'"),
    ("share.squash", "all_squash", "'root_squash' or 'no_root_squash', found 'all_squash'"),
    ("nodes", {}, "a list, found {}"),
    ("share.kind", "smb", "'nfs' or 'iscsi', found 'smb'"),
    ("nodes", [], "at least one, found []"),
    ("nodes.0.name", "Nfs", "a name of 2 to 15 lower-case letters"),
    ("nodes.0.name", "n" * 16, "a name of 2 to 15 lower-case letters"),
    ("nodes.0.name", False, "text, found False"),
    ("nodes.0.name", "tap0", "a name the lab does not use itself, found 'tap0'"),
    ("nodes.0.role", "client", "'nfs', 'storage' or 'hypervisor', found 'client'"),
    ("nodes.0.address", "192.168.81.100", "a host's address inside 192.168.80.0/24"),
    ("nodes.0.address", "192.168.80.0", "a host's address inside 192.168.80.0/24"),
    ("nodes.0.address", "192.168.80.255", "a host's address inside 192.168.80.0/24"),
    ("nodes.0.os", "debian-11", "debian-13, debian-12, or an OCI image in full"),
    ("nodes.0.os", "--privileged/x", "debian-13, debian-12, or an OCI image in full"),
    ("nodes.0.mac", "52:54:00:80:00", "a MAC of one machine"),
    ("nodes.0.mac", "01:00:5e:00:00:01", "a MAC of one machine"),
    ("nodes.0.mac", "00:00:00:00:00:00", "a MAC of one machine"),
    ("nodes.0.mac", "52:54:00:AB:00:50", "a MAC of one machine"),
    ("guest", None, "keys and values, found None"),
    ("guest.memory", "much", "a size such as 256MiB, found 'much'"),
    ("guest.memory", "256 parrots", "a size such as 256MiB, found '256 parrots'"),
    ("guest.memory", "256MiB or so", "a size such as 256MiB, found '256MiB or so'"),
    ("guest.memory", -1, "a size such as 256MiB, found -1"),
    ("guest.memory", "1MiB", "at least 64MiB, found 1MiB"),
    ("guest.memory", "48GiB", "no more than this machine's 24576MiB, found 48GiB"),
    ("guest.vcpus", 0, "greater than 0, found 0"),
    ("guest.vcpus", 1.5, "a whole number, found 1.5"),
    ("guest.address", "10.0.0.1", "a host's address inside 192.168.80.0/24, found 10.0.0.1"),
    ("guest.disk", 0, "at least 1MiB, found 0B"),
    ("guest.system", "debian-12", "'payload', 'debian-13' or 'foreign', found 'debian-12'"),
]


@pytest.mark.parametrize(("key", "value", "complaint"), VALUES)
def test_a_wrong_value_is_one_line(
    refuse: Callable[[str], list[str]], key: str, value: object, complaint: str
) -> None:
    """A line names the key, what was expected there and what was found."""
    (line,) = refuse(changed((key, value)))
    name = key.replace(".0.", "[0].")
    assert line.startswith(f"{name}: expected {complaint}")
    assert ", found " in line


@pytest.mark.parametrize(
    ("key", "value"),
    [("network.mtu", 1500), ("share.export", "/"), ("nodes.1.cpu", 2), ("guest.cpu", 1), ("x", {})],
)
def test_an_unknown_key_is_refused(
    refuse: Callable[[str], list[str]], key: str, value: object
) -> None:
    """A word that nothing reads is a mistake, not a comment."""
    name = key.replace(".1.", "[1].")
    assert refuse(changed((key, value))) == [f"{name}: expected no such key, found {value!r}"]


@pytest.mark.parametrize(
    "key", ["network", "share", "nodes", "guest", "network.subnet", "guest.mac", "nodes.2.role"]
)
def test_a_missing_key_is_named(refuse: Callable[[str], list[str]], key: str) -> None:
    """What has no default must be said."""
    name = key.replace(".2.", "[2].")
    assert refuse(changed((key, ABSENT))) == [f"{name}: expected a value, found none"]


RELATIONS: list[Case] = [
    (
        "nodes.1.name",
        "nfs",
        "nodes[1].name: expected another value than nodes[0].name has, found nfs for both",
    ),
    (
        "guest.name",
        "target",
        "guest.name: expected another value than nodes[2].name has, found target for both",
    ),
    (
        "nodes.2.address",
        "192.168.80.121",
        "nodes[2].address: expected another value than nodes[1].address has,"
        " found 192.168.80.121 for both",
    ),
    (
        "nodes.1.mac",
        "52:54:00:80:00:50",
        "guest.mac: expected another value than nodes[1].mac has, found 52:54:00:80:00:50 for both",
    ),
    (
        "guest.mac",
        "02:00:c0:a8:50:64",
        "guest.mac: expected another value than nodes[0].mac has, found 02:00:c0:a8:50:64 for both",
    ),
    (
        "nodes.2.role",
        "nfs",
        "nodes: expected exactly one node with role nfs or storage, found nfs, target",
    ),
    (
        "nodes.0.role",
        "hypervisor",
        "nodes: expected exactly one node with role nfs or storage, found none",
    ),
    (
        "nodes.2",
        ABSENT,
        "nodes: expected at least two nodes with role hypervisor, found source",
    ),
    (
        "network.bridge",
        "ens33",
        "network.bridge: expected another name than network.nic, found 'ens33' for both",
    ),
    (
        "network.subnet",
        "10.0.0.0/8",
        "network.subnet: expected a network apart from 10.0.2.0/24, found 10.0.0.0/8",
    ),
]


@pytest.mark.parametrize(("key", "value", "line"), RELATIONS)
def test_values_that_do_not_go_together(
    refuse: Callable[[str], list[str]], key: str, value: object, line: str
) -> None:
    """Each value may be right and the whole still impossible."""
    assert line in refuse(changed((key, value)))


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("memory", "255MiB", "guest.memory: expected at least 256MiB for debian-13, found 255MiB"),
        ("disk", "64MiB", "guest.disk: expected at least 1GiB for debian-13, found 64MiB"),
        ("storage", "local", "guest.storage: expected share for debian-13, found 'local'"),
    ],
)
def test_a_real_guest_needs_more(
    refuse: Callable[[str], list[str]], key: str, value: str, line: str
) -> None:
    """Than ours, which is one program; with that it can be declared."""
    enough = [("guest.system", "debian-13"), ("guest.memory", "256MiB"), ("guest.disk", "1GiB")]
    assert refuse(changed(*enough, (f"guest.{key}", value))) == [line]


def test_somebody_s_own_guest_is_not_started(refuse: Callable[[str], list[str]]) -> None:
    """Neither by us nor by its host at our word."""
    (line,) = refuse(changed(("guest.system", "foreign"), ("guest.autostart", True)))
    assert line.startswith("guest.autostart: expected false for foreign")


@pytest.mark.parametrize(
    ("also", "line"),
    [
        (
            [("share.squash", "root_squash")],
            "share.squash: expected no such key with share.kind iscsi, found 'root_squash'",
        ),
        (
            [("guest.system", "debian-13"), ("guest.disk", "1GiB")],
            "guest.system: expected payload with share.kind iscsi, found 'debian-13'",
        ),
    ],
)
def test_what_is_of_nfs_alone(
    refuse: Callable[[str], list[str]], also: list[tuple[str, object]], line: str
) -> None:
    """It is refused where it would do nothing, or could not be done."""
    assert refuse(changed(("share.kind", "iscsi"), ("share.squash", ABSENT), *also)) == [line]


@pytest.mark.parametrize("role", ["nfs", "storage"])
@pytest.mark.parametrize("kind", ["nfs", "iscsi"])
def test_what_is_served_is_the_share_s_to_say(tmp_path: Path, kind: str, role: str) -> None:
    """The tutorial's word for the node that serves is as good as the plain one."""
    path = tmp_path / "lab.yaml"
    path.write_text(changed(("share.kind", kind), ("share.squash", ABSENT), ("nodes.0.role", role)))
    found = load(path)
    assert (found.share.kind, found.storage.name) == (kind, "nfs")
    assert found.lun_url(1) == "iscsi://192.168.80.100:3260/iqn.2026-01.test.miglab:vm1/1"


def test_several_problems_are_several_lines(refuse: Callable[[str], list[str]]) -> None:
    """One run shows everything there is to correct."""
    lines = refuse(
        changed(("guest.memory", "much"), ("nodes.1.name", "UP"), ("network.gateway", ABSENT))
    )
    assert [line.split(":")[0] for line in lines] == [
        "network.gateway",
        "nodes[1].name",
        "guest.memory",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the file: expected keys and values, found None"),
        ("- network", "the file: expected keys and values, found ['network']"),
        ("network: [", "expected YAML, found while parsing"),
        ("network: {}\nnetwork: {}", "expected YAML, found network: expected once, found 2 times"),
        ("guest: {name: a, name: b}", "expected YAML, found name: expected once, found 2 times"),
        ("guest: {since: 2026-13-45}", "expected YAML, found month must be in 1..12"),
        ("[" * 5000, "expected YAML, found maximum recursion depth exceeded"),
        ("guest: !!python/object:os.system {}", "expected YAML, found could not determine"),
        ("\0", "expected YAML, found unacceptable character"),
    ],
)
def test_what_is_no_declaration_at_all(
    refuse: Callable[[str], list[str]], text: str, complaint: str
) -> None:
    """Whatever stands in the file, the answer is one line."""
    (line,) = refuse(text)
    assert line.startswith(complaint)


def test_a_line_stays_a_line(refuse: Callable[[str], list[str]]) -> None:
    """Neither a key with a line break nor an endless value spoils the output."""
    (line,) = refuse(changed(("a\nb", "x" * 1000)))
    assert line.startswith("a\\nb: expected no such key, found 'xxx")
    assert len(line) < 200


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda _: None, "expected a declaration, found no file; name one with --topology"),
        (lambda path: path.mkdir(), "expected readable text, found"),
        (lambda path: path.write_bytes(b"\xff\xfe\x80"), "expected readable text, found"),
    ],
    ids=["absent", "directory", "binary"],
)
def test_a_file_that_cannot_be_read(
    tmp_path: Path, make: Callable[[Path], object], complaint: str
) -> None:
    """The file is named, and why it is of no use."""
    path = tmp_path / "lab.yaml"
    make(path)
    with pytest.raises(DeclarationError) as refusal:
        load(path)
    assert str(refusal.value).startswith(f"{path}: {complaint}")


def test_a_mac_of_small_numbers_is_text(tmp_path: Path) -> None:
    """YAML 1.1 would read QEMU's favourite MAC as one number in base 60."""
    path = tmp_path / "lab.yaml"
    path.write_text(SHIPPED.read_text().replace("52:54:00:80:00:50", "52:54:00:12:34:56"))
    assert load(path).guest.mac == "52:54:00:12:34:56"


def test_merging_by_anchor_is_allowed(tmp_path: Path) -> None:
    """Nodes may share their common part by YAML's own means."""
    path = tmp_path / "lab.yaml"
    text = SHIPPED.read_text().replace("- name: source", "- &first\n    name: source")
    path.write_text(
        text.replace("- name: target\n    role: hypervisor\n", "- <<: *first\n    name: target\n")
    )
    assert [node.role for node in load(path).hypervisors] == ["hypervisor", "hypervisor"]


def test_without_a_bound_any_memory_will_do(tmp_path: Path) -> None:
    """Where the machines are elsewhere, this machine's memory says nothing."""
    path = tmp_path / "lab.yaml"
    path.write_text(changed(("guest.memory", "48GiB")))
    assert load(path).guest.memory == 48 << 30


def test_more_hypervisors_are_more_targets(tmp_path: Path) -> None:
    """The declaration is not limited to the tutorial's three machines."""
    data = yaml.safe_load(SHIPPED.read_text())
    fourth = copy.deepcopy(data["nodes"][2]) | {"name": "third", "address": "192.168.80.162"}
    data["nodes"].append(fourth)
    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump(data))
    assert [node.name for node in load(path).hypervisors] == ["source", "target", "third"]


names = st.from_regex(r"[a-z][a-z0-9-]{0,13}[a-z0-9]", fullmatch=True)
addresses = st.ip_addresses(v=4, network="192.168.80.0/24")
sizes = st.integers(0, 1 << 50)
nodes = st.fixed_dictionaries(
    {
        "name": names,
        "role": st.sampled_from(["nfs", "storage", "hypervisor"]),
        "address": addresses,
    },
    optional={"os": st.sampled_from(["debian-12", "debian-13", "docker.io/library/debian:13"])},
)
valid_models = st.builds(
    lambda prefix, gateway, declared, name, address, memory: Topology.model_validate(
        {
            "network": {
                "subnet": IPv4Network(("192.168.80.0", prefix)),
                "gateway": gateway,
            },
            "share": {"path": "/opt/kvmshare"},
            "nodes": declared,
            "guest": {
                "name": name,
                "memory": memory,
                "mac": "52:54:00:80:00:50",
                "address": address,
            },
        }
    ),
    st.integers(20, 32),
    addresses,
    st.lists(nodes, min_size=1, max_size=5),
    names,
    addresses,
    sizes,
)


@given(valid_models)
def test_any_model_comes_back_from_its_own_json(topology: Topology) -> None:
    """What is written down about a run describes the same lab again."""
    assert Topology.model_validate_json(topology.model_dump_json()) == topology


@given(valid_models, st.none() | sizes)
def test_conflicts_never_raises(topology: Topology, machine_memory: int | None) -> None:
    """Whatever the models let pass, contradictions are lines and never exceptions."""
    for line in conflicts(topology, machine_memory):
        assert ": expected " in line
        assert ", found " in line
        assert "\n" not in line


@given(addresses)
def test_a_made_up_mac_is_local_and_unicast(address: IPv4Address) -> None:
    """A MAC derived from an address never collides with a vendor's and addresses one machine."""
    topology = load(SHIPPED)
    mac = topology.nodes[0].model_copy(update={"address": address}).nic_mac
    first = int(mac.split(":")[0], 16)
    assert first & 0b11 == 0b10
    assert bytes.fromhex(mac.replace(":", ""))[2:] == address.packed
