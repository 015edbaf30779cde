"""Provisioning is idempotent, and mends exactly what drifted."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from miglab.lab.deployment import Deployment, deploy
from miglab.lab.embedded import EmbeddedLab


@pytest.fixture
def again(lab: EmbeddedLab, project: Path) -> Any:
    """Deploys the session's lab once more."""

    def run(*options: str) -> Deployment:
        return deploy(lab.place, project / "inventories/topology.yaml", project, *options)

    return run


def test_a_second_run_changes_nothing(lab: EmbeddedLab, again: Any) -> None:
    """Host by host, by pyinfra's own account."""
    assert again().changed == {node.name: () for node in lab.topology.nodes}


KERNEL = "systemctl is-active --quiet nfs-server"
EXPORTED, GANESHA = "/etc/exports.d/miglab.exports", "/etc/ganesha/ganesha.conf"
STOP_SERVER = f"if {KERNEL}; then systemctl stop nfs-server; else systemctl stop nfs-ganesha; fi"
EXPORTS = ("Storage | Exports to the hypervisors", "Storage | Exports take effect")
DRIFT = [
    pytest.param(
        "nfs",
        f"if {KERNEL}; then sed -i 1d {EXPORTED}; else sed -i '/Clients/d' {GANESHA}; fi",
        EXPORTS,
        id="line removed from exports",
    ),
    pytest.param("nfs", STOP_SERVER, ("Storage | NFS server runs",), id="service stopped"),
    pytest.param(
        "target",
        "ip address flush dev br0",
        ("Hypervisor | Bridge br0",),
        id="address of br0 removed",
    ),
    pytest.param(
        "source",
        "sed -i '/ target$/d' /etc/hosts",
        ("Names | Names of all nodes in /etc/hosts",),
        id="name removed from hosts",
    ),
    pytest.param(
        "source",
        "sed -i '/root@target/d' /root/.ssh/authorized_keys",
        ("Trust | Hypervisors trust each other",),
        id="trust removed",
    ),
    pytest.param(
        "nfs",
        "chmod 777 /opt/kvmshare",
        ("Storage | The shared directory",),
        id="share opened to all",
    ),
    pytest.param(
        "target",
        "DEBIAN_FRONTEND=noninteractive apt-get -qq remove libnfs-utils",
        ("Hypervisor | Packages: libvirt and QEMU",),
        id="package removed",
    ),
]


@pytest.mark.parametrize(("node", "damage", "mended"), DRIFT)
def test_a_run_after_drift_mends_exactly_what_drifted(
    lab: EmbeddedLab, again: Any, node: str, damage: str, mended: tuple[str, ...]
) -> None:
    """The damaged host changes by the operations that concern the damage, the others not at all."""
    _damage(lab, node, damage)
    expected = {each.name: () for each in lab.topology.nodes} | {node: mended}
    assert again().changed == expected
    assert again().changes == 0


def _damage(lab: EmbeddedLab, node: str, script: str) -> None:
    """From the node's own namespaces: removing br0's address would cut ssh off."""
    subprocess.run(
        ["podman", "exec", lab.place.node(node), "sh", "-c", script],
        check=True,
        capture_output=True,
        timeout=60,
    )


def test_a_dry_run_changes_nothing(lab: EmbeddedLab, again: Any, project: Path) -> None:
    """``--dry`` on a drifted host leaves the drift for the next real run."""
    _damage(lab, "nfs", STOP_SERVER)
    subprocess.run(
        [
            str(Path("/usr/bin/env")),
            f"MIGLAB_LAB={lab.place.name}",
            ".venv/bin/pyinfra",
            "inventories/lab.py",
            "deploy.py",
            "--dry",
        ],
        cwd=project,
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert again().changed["nfs"] == ("Storage | NFS server runs",)


def test_a_limited_run_touches_one_host(again: Any) -> None:
    """``--limit`` leaves the other hosts out, and what they need of each other intact."""
    assert again("--limit", "source").changed == {"source": ()}
    assert again().changes == 0


NAMES = "Names | Names of all nodes in /etc/hosts"
FORGET = "sed -i '/^# BEGIN miglab/,/^# END miglab/d' /etc/hosts"


def test_a_host_that_dies_is_named_and_the_others_are_done(
    lab: EmbeddedLab, again: Any, project: Path
) -> None:
    """Its own turn comes when it is back; no file of it was half-written meanwhile."""
    for node in lab.topology.nodes:
        _damage(lab, node.name, FORGET)
    code, told = _deploy_and_kill(lab, project, "target")
    try:
        assert code != 0
        assert any("[target]" in line and "rror" in line for line in told), told
    finally:
        assert lab.up() == ["target"]
    changed = again().changed
    assert changed.pop("target") in {(), (NAMES,)}  # it may have had its names already
    assert changed == {"nfs": (), "source": ()}
    assert again().changes == 0


def _deploy_and_kill(lab: EmbeddedLab, project: Path, node: str) -> tuple[int, list[str]]:
    """A deploy whose operations have begun when ``node`` loses power: exit code and its words."""
    with subprocess.Popen(
        [".venv/bin/pyinfra", "inventories/lab.py", "deploy.py", "-y"],
        cwd=project,
        env={**os.environ, "MIGLAB_LAB": lab.place.name},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if "operation run" in line:
                command = ["podman", "kill", lab.place.node(node)]
                subprocess.run(command, check=True, capture_output=True, timeout=60)
        return process.wait(timeout=120), told
