"""deploy.py itself, run by pyinfra's own command on machines of its @fake connector."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.machines import SHIPPED

ROOT = SHIPPED.parents[1]
INVENTORY = """\
def _host(name):
    says = {{
        "cat /etc/os-release": "ID=rhel",
        "mount -t nfsd": "yes",
        "modprobe -q nfsv4": "yes",
        "systemctl list-units": "NetworkManager.service\\nfirewalld.service",
        "ip -j": '[{{"ifname": "ens33", "address": "02:00:00:00:00:01"}}]',
    }}
    data = {{"fake_responses": says, "fake_delay": 0, "fake_delay_jitter": 0}}
    return f"@fake/{{name}}", {{**data, "node": name, "lab_topology": {topology!r}}}

nfs = [_host("nfs")]
hypervisor = [_host("source"), _host("target")]
"""


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What pyinfra says of each operation of a first run on three RHEL machines, in its order."""
    inventory = tmp_path_factory.mktemp("deploy") / "inventory.py"
    inventory.write_text(INVENTORY.format(topology=str(SHIPPED)))
    pyinfra = str(Path(sys.executable).with_name("pyinfra"))
    done = subprocess.run(
        [pyinfra, str(inventory), "deploy.py", "-y", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    results = json.loads(done.stdout)["results"]
    assert results["failed_hosts"] == {} or results["failed_hosts"] == []
    found: list[dict[str, Any]] = results["operations"]
    return found


def test_each_role_gets_its_own_deploys(operations: list[dict[str, Any]]) -> None:
    """By the deploys' names in front of the operations'."""
    by_host: dict[str, set[str]] = {}
    for each in operations:
        for name in each["success"]:
            by_host.setdefault(name.removeprefix("@fake/"), set()).add(each["name"].split(" | ")[0])
    assert by_host["nfs"] == {"Names", "Firewall", "Storage", "Guest"}
    assert by_host["source"] == {*("Names", "Firewall", "Hypervisor", "Share", "Trust", "Guest")}
    assert by_host["source"] == by_host["target"]


def test_what_others_need_is_there_before(operations: list[dict[str, Any]]) -> None:
    """Between hosts too: the share is served, then mounted, and only then read from."""
    order = [each["name"] for each in operations]
    assert len(order) == len(set(order))
    chain = [
        "Storage | rpcbind runs first",
        "Storage | NFS server runs",
        "Guest | Kernel and initramfs, built",
        "Share | The share is mounted",
        "Guest | Kernel and initramfs, fetched",
    ]
    assert sorted(chain, key=order.index) == chain
    assert order.index("Firewall | What the lab's hosts need is open") < order.index(chain[0])
    assert order.index("Hypervisor | Bridge br0") < order.index("Share | The share is mounted")
    assert order.index("Trust | Root's own ssh key") < order.index(
        "Trust | Hypervisors trust each other"
    )
