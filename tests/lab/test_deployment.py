"""pyinfra as a process of its own: what is made of its words, and that it ends."""

import json
import sys
from pathlib import Path

import pytest

from miglab.errors import LabError
from miglab.lab import deployment
from miglab.lab.deployment import SECONDS, DeployError, deploy
from miglab.lab.place import Place

NAMES, PACKAGES = "Names | Host name", "Hypervisor | Packages: libvirt and QEMU"
RESULTS = {
    "failed_hosts": ["target"],
    "operations": [
        {"name": NAMES, "success": ["source", "target"], "no_change": [], "error": []},
        {"name": PACKAGES, "success": ["source"], "no_change": [], "error": ["target"]},
    ],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, with a Python that stands beside whatever ``pyinfra`` a test writes."""
    (tmp_path / "deploy.py").touch()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


def pyinfra(project: Path, script: str) -> None:
    """A pyinfra that does this."""
    program = project / "pyinfra"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_what_changed_on_others_is_kept_when_a_host_fails(project: Path) -> None:
    """By host, in order; the one that failed had changes before."""
    pyinfra(project, f"cat <<'E'\n{json.dumps({'results': RESULTS})}\nE\nexit 1")
    with pytest.raises(
        DeployError, match=f"lab unit: {PACKAGES.replace('|', '.')}: failed on"
    ) as failure:
        deploy(Place("unit"), project / "t.yaml", project)
    assert failure.value.deployment.changed == {"source": (NAMES, PACKAGES), "target": (NAMES,)}


@pytest.mark.parametrize("heeds", [True, False])
def test_a_deploy_that_takes_too_long_is_interrupted_first(
    project: Path, monkeypatch: pytest.MonkeyPatch, heeds: bool
) -> None:
    """As by hand, so that it can leave the hosts well; it is ended if it does not heed."""
    told = project / "told"
    deed = f"echo interrupted >{told}; exit 1" if heeds else f"echo interrupted >{told}"
    pyinfra(project, f"trap '{deed}' INT; while :; do sleep 0.05; done")
    monkeypatch.setitem(SECONDS, "embedded", 0.3)
    monkeypatch.setattr(deployment, "ENDING_SECONDS", 0.5)
    with pytest.raises(LabError, match=r"deploy of lab unit: was not done within 0\.3 s"):
        deploy(Place("unit"), project / "t.yaml", project)
    assert told.read_text() == "interrupted\n"


def test_a_pyinfra_that_is_missing_is_one_line(project: Path) -> None:
    """With the way to have it."""
    with pytest.raises(LabError, match=r"deploy of lab unit: the program .*pyinfra is missing; `"):
        deploy(Place("unit"), project / "t.yaml", project)


def test_own_hosts_may_take_long() -> None:
    """They download what they need, over whichever line they have."""
    assert SECONDS["site"] >= 3600
