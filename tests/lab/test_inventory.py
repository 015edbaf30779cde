"""The inventory, and who a host of it is."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyinfra.api.exceptions import OperationError
from pyinfra.api.host import Host

from miglab.lab.inventory import declared, hosts
from miglab.provision import context
from miglab.topology import Topology
from tests.machines import SHIPPED

ROOT = SHIPPED.parents[1]
BAD = "network: {subnet: 192.168.80.0/24, gateway: 192.168.80.1}\nshare: 5\nguest: 7\n"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A declaration with several mistakes."""
    path = tmp_path / "bad.yaml"
    path.write_text(BAD)
    return path


def test_nodes_become_hosts_with_their_data(topology: Topology) -> None:
    """A name for the connector, and what it and the deploys need to know."""
    found = hosts("@lab", "mine", Path("t.yaml"), topology.hypervisors)
    assert [name for name, _ in found] == ["@lab/mine/source", "@lab/mine/target"]
    common = {"lab_name": "mine", "lab_topology": "t.yaml", "lab_pki": None}
    assert found[0][1] == common | {"node": "source"}


def test_hosts_are_told_where_their_certificates_are(topology: Topology) -> None:
    """As text, since data of an inventory are plain."""
    found = hosts("@lab", "mine", Path("t.yaml"), topology.hypervisors, Path("/labs/mine/pki"))
    assert [data["lab_pki"] for _, data in found] == ["/labs/mine/pki"] * 2


def test_a_good_declaration_is_read(topology: Topology) -> None:
    """As everybody else reads it."""
    assert declared(SHIPPED) == topology


def test_a_bad_declaration_ends_the_run(bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2 and a line for each mistake, on stderr."""
    with pytest.raises(SystemExit) as ended:
        declared(bad)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.splitlines()
    assert all(line.startswith(f"{bad}: ") for line in lines)
    assert {line.split(": ")[1] for line in lines} == {"share", "guest", "nodes"}


@pytest.mark.parametrize("name", ["bad.yaml", "none.yaml"])
def test_pyinfra_shows_no_traceback_for_it(bad: Path, name: str) -> None:
    """The user of the command sees those lines and nothing of Python's."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pyinfra")), "inventories/lab.py", "deploy.py", "-y"],
        cwd=ROOT,
        env={**os.environ, "MIGLAB_TOPOLOGY": str(bad.with_name(name))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert f"{name}: " in done.stderr


def host(**data: Any) -> Host:
    """A host that has ``data`` and nothing else."""
    return cast(Host, SimpleNamespace(name="x", data=SimpleNamespace(**data)))


def test_a_host_knows_its_declaration_and_its_node(topology: Topology) -> None:
    """By what the inventory told it."""
    source = host(lab_topology=str(SHIPPED), node="source")
    assert context.topology(source) == topology
    assert context.this_node(source, topology) == topology.source


def test_a_host_that_is_no_node_is_refused(topology: Topology) -> None:
    """In one line, which pyinfra shows without a traceback."""
    with pytest.raises(OperationError, match="x: the declaration names no node 'other'"):
        context.this_node(host(node="other"), topology)
