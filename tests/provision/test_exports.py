"""What the NFS server's configuration says."""

import re
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miglab.provision.block import WRITTEN
from miglab.provision.exports import clients, ganesha_config, kernel_exports
from miglab.topology import Node, Squash, Topology

COMMENT = re.compile(r"#.*")
TOKEN = re.compile(r"[{};=]|[^\s{};=][^{};=\n]*")
# Which of the options we may use a version does not know (from its library's table of options).
UNKNOWN = {4: {"allow_set_io_flusher_fail"}, 5: set[str](), 6: set[str]()}
KNOWN = {
    "NFS_CORE_PARAM": {
        "Protocols", "NFS_Port", "MNT_Port", "Enable_NLM", "Enable_RQUOTA", "mount_path_pseudo",
        "allow_set_io_flusher_fail",
    },
    "NFSv4": {"Graceless"},
    "EXPORT_DEFAULTS": {"Access_Type", "SecType", "Protocols", "Transports"},
    "EXPORT": {"Export_Id", "Path", "Pseudo", "Squash", "CLIENT", "FSAL"},
}  # fmt: skip


def parsed(text: str) -> dict[str, Any]:
    """ganesha's format: ``Block { key = value; Block { … } }``, comments from ``#`` on."""
    tokens = [token.strip() for token in TOKEN.findall(COMMENT.sub("", text)) if token.strip()]
    block, rest = _block(tokens)
    assert rest == []
    return block


def _block(tokens: list[str]) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {}
    while tokens and tokens[0] != "}":
        name, sign, *tokens = tokens
        assert name not in found, f"{name} stands there twice"
        if sign == "{":
            found[name], (end, *tokens) = _block(tokens)
            assert end == "}"
        else:
            value, semicolon, *tokens = tokens
            assert (sign, semicolon) == ("=", ";")
            found[name] = value
    return found, tokens


def with_hypervisors(topology: Topology, count: int, squash: Squash = "root_squash") -> Topology:
    """The shipped declaration with ``count`` hypervisors."""
    nodes = tuple(
        Node(name=f"h{n}", role="hypervisor", address=IPv4Address(f"192.168.80.{n + 10}"))
        for n in range(count)
    )
    return Topology(
        network=topology.network,
        share=topology.share.model_copy(update={"squash": squash}),
        nodes=(topology.storage, *nodes),
        guest=topology.guest,
    )


counts = st.integers(2, 9)
squashes: st.SearchStrategy[Squash] = st.sampled_from(["root_squash", "no_root_squash"])


@settings(deadline=None)
@given(counts, squashes)
def test_the_kernel_exports_to_exactly_the_hypervisors(
    topology: Topology, count: int, squash: Squash
) -> None:
    """One line for each, with the declared squashing; a squashed root is the images' owner."""
    declared = with_hypervisors(topology, count, squash)
    comment, *lines = kernel_exports(declared).splitlines()
    assert comment == WRITTEN.strip()
    become = ",anonuid=64055,anongid=64055" if squash == "root_squash" else ""
    assert lines == [
        f"/opt/kvmshare 192.168.80.{n + 10}(rw,sync,no_subtree_check,{squash}{become})"
        for n in range(count)
    ]


@settings(deadline=None)
@given(counts, squashes, st.sampled_from([0, 4, 5, 6]))
def test_ganesha_exports_to_exactly_the_hypervisors(
    topology: Topology, count: int, squash: Squash, version: int
) -> None:
    """Others get nothing: the default is no access, and the clients are named."""
    found = parsed(ganesha_config(with_hypervisors(topology, count, squash), version))
    export = found["EXPORT"]
    assert export["CLIENT"]["Access_Type"] == "RW"
    assert export["CLIENT"]["Clients"].split(", ") == [f"192.168.80.{n + 10}" for n in range(count)]
    assert (export["Path"], export["Pseudo"]) == ("/opt/kvmshare", "/opt/kvmshare")
    assert export["Squash"] == squash
    assert found["EXPORT_DEFAULTS"]["Access_Type"] == "None"


@pytest.mark.parametrize("version", [4, 5, 6])
def test_ganesha_is_given_options_that_it_knows(topology: Topology, version: int) -> None:
    """An unknown option ends some versions at start; Debian 12 has version 4, Debian 13 has 6."""
    found = parsed(ganesha_config(topology, version))
    assert found.keys() == KNOWN.keys()
    for block, options in found.items():
        assert options.keys() <= KNOWN[block] - UNKNOWN[version]
    assert ("allow_set_io_flusher_fail" in found["NFS_CORE_PARAM"]) == (version >= 5)


def test_the_shipped_declaration_names_the_target_as_it_is(topology: Topology) -> None:
    """The tutorial exported to .162 while its target was .161."""
    assert clients(topology) == ["192.168.80.121", "192.168.80.161"]
