"""Images are named by what goes into them, and a failed build says why."""

from pathlib import Path

import pytest

from miglab import packages
from miglab.errors import ImageError
from miglab.lab import image
from miglab.topology import Node

NFS = Node.model_validate({"name": "nfs", "role": "nfs", "address": "192.168.80.100"})
OCI = "docker.io/library/debian:13"


def like(**changes: object) -> Node:
    """The NFS node with something about it changed."""
    return Node.model_validate(NFS.model_dump() | changes)


def test_a_name_tells_role_and_system() -> None:
    """Someone who lists images sees what they are for."""
    assert image.tag(NFS).startswith("localhost/miglab/nfs:debian-13-")
    assert image.tag(like(os=OCI)).startswith("localhost/miglab/nfs:oci-")


def test_a_storage_node_s_image_is_for_what_it_serves() -> None:
    """Whatever its role is called; a hypervisor takes either kind of share."""
    served = image.tag(NFS, "iscsi")
    assert served.startswith("localhost/miglab/iscsi:debian-13-")
    storage, hypervisor = like(role="storage"), like(role="hypervisor")
    assert (image.tag(storage, "iscsi"), image.tag(storage)) == (served, image.tag(NFS))
    assert image.tag(hypervisor, "iscsi") == image.tag(hypervisor)
    oci = like(os=OCI)
    assert image.tag(oci, "iscsi") != image.tag(oci)


@pytest.mark.parametrize(
    "changes", [{"role": "hypervisor"}, {"os": "debian-12"}, {"os": OCI}], ids=str
)
def test_another_role_or_system_is_another_image(changes: dict[str, object]) -> None:
    """Both are part of the content."""
    assert image.tag(like(**changes)) != image.tag(NFS)


def test_the_same_content_is_the_same_image() -> None:
    """What does not go into an image does not change its name."""
    other = like(name="other", address="192.168.80.7", mac="52:54:00:00:00:01")
    assert image.tag(other) == image.tag(NFS)


@pytest.mark.parametrize(
    ("system", "family"), [("debian-13", "debian"), (OCI, "debian"), (OCI, "redhat")]
)
def test_another_package_list_is_another_image(
    monkeypatch: pytest.MonkeyPatch, system: str, family: packages.Family
) -> None:
    """No cached image lacks what provisioning expects to be there."""
    node = like(os=system)
    before = image.tag(node)
    monkeypatch.setitem(packages.BASE, family, (*packages.BASE[family], "another"))
    assert image.tag(node) != before


def test_another_finish_is_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script that is run inside counts too."""
    before = image.tag(NFS)
    monkeypatch.setattr(image, "finish_script", lambda: "true")
    assert image.tag(NFS) != before


def test_without_mmdebstrap_the_way_out_is_named(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, and nothing begun."""
    monkeypatch.setattr(image, "exists", lambda name: not name)
    monkeypatch.setenv("PATH", str(state))
    with pytest.raises(ImageError, match="mmdebstrap is missing; `make install` installs it"):
        image.ensure(NFS)
    assert list((state / "build").iterdir()) == []


def test_a_failed_bootstrap_leaves_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error carries the cause, the half-made root is gone."""
    program = state / "mmdebstrap"
    program.write_text("#!/bin/sh\necho 'E: no space left'; exit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(image, "exists", lambda name: not name)
    monkeypatch.setenv("PATH", f"{state}:/usr/bin:/bin")
    with pytest.raises(ImageError, match=r"mmdebstrap trixie failed: E: no space left$"):
        image.ensure(NFS)
    assert list((state / "build").iterdir()) == []


def test_a_cached_image_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time there is nothing to do."""
    monkeypatch.setattr(image, "exists", bool)
    assert not image.ensure(NFS)
