"""Reads a declaration and refuses what cannot work: file, key, expected, found."""

from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from miglab.errors import DeclarationError
from miglab.topology import HOST_NAME, HOST_NAME_WORDS, Guest, GuestSystem, Topology
from miglab.values import size_text

# A node's name is its port's too: the kernel's words for "every interface" are taken as well.
RESERVED_NAMES = frozenset({"lan", "lo", "tap0", "localhost", "all", "default"})
UPLINK_NETWORK = IPv4Network("10.0.2.0/24")  # slirp4netns: the way out of an embedded lab
EXPECTED = {
    "model_type": "keys and values",
    "byte_size": "a size such as 256MiB",
    "byte_size_unit": "a size such as 256MiB",
    "tuple_type": "a list",
    "too_short": "at least one",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "path_type": "a path",
}
SMALLEST: dict[GuestSystem, dict[str, int]] = {  # with less it does not boot, or has no disk at all
    "payload": {"memory": 64 << 20, "disk": 1 << 20},
    "debian-13": {"memory": 256 << 20, "disk": 1 << 30},
    "foreign": {},
}
LONGEST = 80  # characters of a wrong value that are shown


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice; plain YAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, times in Counter(str(key.value) for key, _ in node.value).items():
            if times > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key}: expected once, found {times} times", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | str:
        """An integer, but ``52:54:00:12:34:56`` as it stands: YAML 1.1 reads it in base 60."""
        text = self.construct_scalar(node)
        return text if ":" in text else self.construct_yaml_int(node)


_UniqueKeyLoader.add_constructor("tag:yaml.org,2002:int", _UniqueKeyLoader.construct_number)


def load(path: Path, machine_memory: int | None = None) -> Topology:
    """The topology declared in ``path``.

    ``machine_memory`` in bytes bounds the guest where the lab runs on this very machine.
    Raises DeclarationError with a line for each problem.
    """
    topology = _parse(path, _read(path))
    problems = [f"{path}: {problem}" for problem in conflicts(topology, machine_memory)]
    if problems:
        raise DeclarationError(problems)
    return topology


def _read(path: Path) -> object:
    try:
        return yaml.load(path.read_text(), _UniqueKeyLoader)  # noqa: S506  # it is a SafeLoader
    except FileNotFoundError:
        raise DeclarationError(
            [f"{path}: expected a declaration, found no file; name one with --topology FILE"]
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError([f"{path}: expected readable text, found {error}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise DeclarationError([f"{path}: expected YAML, found {text}"]) from None


def _parse(path: Path, data: object) -> Topology:
    try:
        return Topology.model_validate(data)
    except ValidationError as error:
        raise DeclarationError(f"{path}: {line}" for line in problems_of(error)) from None


def problems_of(error: ValidationError) -> Iterator[str]:
    """One line for each of pydantic's errors: key, expected, found."""
    for detail in error.errors(include_url=False):
        key = _key(detail["loc"])
        if detail["type"] == "missing":
            yield f"{key}: expected a value, found none"
        elif detail["type"] == "extra_forbidden":
            yield f"{key}: expected no such key, found {_brief(detail['input'])}"
        else:
            yield f"{key}: expected {_expected(detail)}, found {_brief(detail['input'])}"


def _expected(detail: ErrorDetails) -> str:
    """What should have stood there, without pydantic's own way of beginning a sentence."""
    if known := EXPECTED.get(detail["type"]):
        return known
    text = detail["msg"].removeprefix("Value error, ").removeprefix("expected ")
    return text.removeprefix("Input should be ").replace("Input is not a valid", "a valid")


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _key(location: Iterable[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    text = "".join(parts).removeprefix(".") or "the file"
    return text.encode("unicode_escape").decode()  # a key may be any text; a problem is one line


def conflicts(topology: Topology, machine_memory: int | None = None) -> Iterator[str]:
    """What each value allows and all of them together do not."""
    yield from _outside_network(topology)
    yield from _roles(topology)
    names = [(f"nodes[{i}].name", node.name) for i, node in enumerate(topology.nodes)]
    yield from _twice([*names, ("guest.name", topology.guest.name)])
    yield from _twice(_addresses(topology))
    macs = [(f"nodes[{i}].mac", node.nic_mac) for i, node in enumerate(topology.nodes)]
    yield from _twice([*macs, ("guest.mac", topology.guest.mac)])
    interfaces = [
        ("network.nic", topology.network.nic),
        ("network.bridge", topology.network.bridge),
    ]
    for key, name in [*names, *interfaces]:
        if name in RESERVED_NAMES:
            yield f"{key}: expected a name the lab does not use itself, found {name!r}"
    if topology.network.nic == topology.network.bridge:
        nic = topology.network.nic
        yield f"network.bridge: expected another name than network.nic, found {nic!r} for both"
    yield from _guest(topology.guest, machine_memory)
    if topology.share.kind == "iscsi":
        yield from _iscsi(topology)


def _guest(guest: Guest, machine_memory: int | None) -> Iterator[str]:
    """Whether it has what its system needs, and no more than there is."""
    for key, least in SMALLEST[guest.system].items():
        if (size := getattr(guest, key)) < least:
            enough = size_text(least) + ("" if guest.ours else f" for {guest.system}")
            yield f"guest.{key}: expected at least {enough}, found {size_text(size)}"
    if not guest.foreign and not HOST_NAME.fullmatch(guest.name):
        yield f"guest.name: expected {HOST_NAME_WORDS}, found {guest.name!r}"
    if not guest.ours and guest.storage == "local":
        yield f"guest.storage: expected share for {guest.system}, found 'local'"
    if guest.foreign and guest.autostart:
        yield "guest.autostart: expected false for foreign, which is not ours to start, found true"
    if machine_memory and guest.memory > machine_memory:
        yield (
            f"guest.memory: expected no more than this machine's {machine_memory >> 20}MiB,"
            f" found {size_text(guest.memory)}"
        )


def _iscsi(topology: Topology) -> Iterator[str]:
    """What is of NFS alone, and the guest whose disk is brought as a file once all is served."""
    share, guest = topology.share, topology.guest
    if "squash" in share.model_fields_set:
        yield f"share.squash: expected no such key with share.kind iscsi, found {share.squash!r}"
    if share.existing:
        yield "share.existing: expected no such key with share.kind iscsi, found True"
    if not guest.ours:
        yield f"guest.system: expected payload with share.kind iscsi, found {guest.system!r}"


def _addresses(topology: Topology) -> list[tuple[str, object]]:
    return [
        ("network.gateway", topology.network.gateway),
        *((f"nodes[{i}].address", node.address) for i, node in enumerate(topology.nodes)),
        ("guest.address", topology.guest.address),
    ]


def _outside_network(topology: Topology) -> Iterator[str]:
    hosts = topology.network.subnet
    if hosts.overlaps(UPLINK_NETWORK):
        yield f"network.subnet: expected a network apart from {UPLINK_NETWORK}, found {hosts}"
    for key, address in _addresses(topology):
        if address not in hosts or address in (hosts.network_address, hosts.broadcast_address):
            yield f"{key}: expected a host's address inside {hosts}, found {address}"


def _roles(topology: Topology) -> Iterator[str]:
    servers = [node.name for node in topology.nodes if node.role != "hypervisor"]
    if len(servers) != 1:
        names = ", ".join(servers) or "none"
        yield f"nodes: expected exactly one node with role nfs or storage, found {names}"
    if len(topology.hypervisors) < 2:
        names = ", ".join(node.name for node in topology.hypervisors) or "none"
        yield f"nodes: expected at least two nodes with role hypervisor, found {names}"


def _twice(pairs: Iterable[tuple[str, object]]) -> Iterator[str]:
    seen: dict[object, str] = {}
    for key, value in pairs:
        if value in seen:
            yield f"{key}: expected another value than {seen[value]} has, found {value} for both"
        seen.setdefault(value, key)
