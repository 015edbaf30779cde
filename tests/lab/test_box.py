"""The box: named by what goes into it, built once, and never half there."""

from pathlib import Path
from typing import Any

import pytest

from miglab import packages
from miglab.errors import ImageError
from miglab.lab import box


def test_another_recipe_is_another_box(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether packages change, or what is done to them."""
    before = box.name()
    assert before.startswith("miglab-debian-13-")
    monkeypatch.setattr(packages, "boxed", lambda: ("less",))
    fewer = box.name()
    monkeypatch.setattr(box, "BEFORE", "something else")
    assert len({before, fewer, box.name()}) == 3


def test_it_holds_all_of_every_role() -> None:
    """Nothing is downloaded by a deploy."""
    roles = (packages.HYPERVISOR, packages.KERNEL_NFS, packages.NFS_MOUNT, packages.GUEST_BUILD)
    assert {name for role in roles for name in role["debian"]} <= set(packages.boxed())


class Vagrant:
    """Knows boxes; notes what is built and added."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *known: str, fails: bool = False) -> None:
        self.known, self.fails, self.built = [*known], fails, 0
        monkeypatch.setattr(box, "run", self.run)
        monkeypatch.setattr(box, "attempt", self.add)
        monkeypatch.setattr(box, "bootstrap", self.bootstrap)
        monkeypatch.setattr(box, "assemble", lambda *_: None)

    def run(self, argv: list[str], **_: Any) -> str:
        """``box list``, or a disk that is converted."""
        if argv[0] == "qemu-img":
            Path(argv[-1]).write_bytes(b"disk")
        return "".join(f"{name} (libvirt, 0)\n" for name in self.known)

    def add(self, argv: list[str], **_: Any) -> Any:
        """``box add``."""
        packed = Path(argv[-1])
        assert packed.stat().st_size > 0
        self.known.append(argv[argv.index("--name") + 1])

        class Done:
            returncode, stdout, stderr = int(self.fails), "", "no space\n"

        return Done()

    def bootstrap(self, *_: Any, **__: Any) -> None:
        """Counts."""
        self.built += 1


@pytest.mark.usefixtures("state")
def test_it_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is done."""
    vagrant = Vagrant(monkeypatch, "other")
    assert box.ensure() == (box.name(), True)
    assert box.ensure() == (box.name(), False)
    assert vagrant.built == 1


def test_what_vagrant_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    """And no work is left."""
    Vagrant(monkeypatch, fails=True)
    with pytest.raises(ImageError, match="vagrant cannot add it: no space"):
        box.ensure()
    assert not [*(state / "build").iterdir()]
