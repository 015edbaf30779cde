"""What a machine or a user can get wrong before there is a lab: one line, nothing left behind."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from miglab.lab.place import Place

NAME = "refused"


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Neither before nor after is there anything of the lab."""
    assert Place(NAME).namespaces() == []
    yield
    assert Place(NAME).namespaces() == []
    assert not Place(NAME).directory.exists()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that is full after two files."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tiny", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The last line; there is no traceback before it."""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_a_full_disk_is_named_and_down_cleans_up(miglab: Any, tiny_disk: Path) -> None:
    """The file that could not be written is in the line; `down` then removes what there was."""
    done = miglab("up", "--lab", NAME, MIGLAB_STATE=str(tiny_disk))
    assert done.returncode == 4
    assert f"{tiny_disk}/labs/{NAME}" in complaint(done)
    assert "No space left on device" in complaint(done)
    assert miglab("down", "--lab", NAME, MIGLAB_STATE=str(tiny_disk)).returncode == 0
    assert not (tiny_disk / "labs" / NAME).exists()


def test_without_podman_the_way_out_is_named(miglab: Any, tmp_path: Path) -> None:
    """`make install` is what brings it."""
    done = miglab("up", "--lab", NAME, PATH=str(tmp_path))
    assert done.returncode == 4
    assert "podman is missing; `make install`" in complaint(done)


def test_an_image_that_cannot_be_had_is_named(miglab: Any, project: Path, tmp_path: Path) -> None:
    """The image, and podman's own reason."""
    data = yaml.safe_load((project / "inventories/topology.yaml").read_text())
    data["nodes"][1]["os"] = "localhost/miglab-scenarios/no-such-image:1"
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(data))
    done = miglab("up", "--lab", NAME, "--topology", str(path))
    assert done.returncode == 4
    assert "no-such-image:1: podman cannot pull it" in complaint(done)


def test_root_is_asked_for(project: Path, tmp_path: Path) -> None:
    """Anybody else is told why in one line."""
    nobody = ["setpriv", "--reuid=65534", "--clear-groups"]
    python, miglab = (str(project / ".venv/bin" / name) for name in ("python", "miglab"))
    if subprocess.run([*nobody, python, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("this checkout, or its Python, lies where only root can read it")
    done = subprocess.run(
        [*nobody, miglab, "up", "--lab", NAME],
        cwd=project,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert complaint(done).startswith("root is needed:")


def test_a_bad_declaration_stops_pyinfra_in_a_line_each(project: Path, tmp_path: Path) -> None:
    """File, key, expected, found; exit code 2; no traceback, no node."""
    data = yaml.safe_load((project / "inventories/topology.yaml").read_text())
    data["nodes"][2]["address"] = "10.0.0.5"
    data["guest"]["memroy"] = data["guest"].pop("memory")
    path = tmp_path / "topology.yaml"
    path.write_text(yaml.safe_dump(data))
    done = subprocess.run(
        [".venv/bin/pyinfra", "inventories/lab.py", "deploy.py", "-y"],
        cwd=project,
        env={**os.environ, "MIGLAB_LAB": NAME, "MIGLAB_TOPOLOGY": str(path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"{path}: guest.memroy: expected no such key" in done.stderr
