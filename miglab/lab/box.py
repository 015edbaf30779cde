"""The box that virtual machines are made of: Debian from its own packages, cached by content.

Vagrant knows it by a name that tells what went into it, so another recipe is another box.
"""

import hashlib
import json
import os
import tarfile
from importlib.resources import files
from pathlib import Path

from miglab import packages
from miglab.errors import ImageError
from miglab.lab.bootstrap import BEFORE, OPTIONS, SUITES, bootstrap, workspace
from miglab.lab.command import LONG, attempt, last_words, run
from miglab.lab.lab import Say, silence
from miglab.lab.lock import held
from miglab.lab.raw_disk import MKE2FS, assemble

SYSTEM = "debian-13"
DISK_GIB = 8
PACKAGES = (
    *("linux-image-cloud-amd64", "initramfs-tools", "grub-pc-bin", "udev", "sudo"),
    *("libpam-systemd", "nftables"),
)
METADATA = {"provider": "libvirt", "format": "qcow2", "virtual_size": DISK_GIB}
COMPRESSED = ("-c", "-o", "compression_type=zstd")
"""As small as the default's, in a fifth of the time."""


def name() -> str:
    """What Vagrant calls it."""
    recipe = [*OPTIONS, *_packages(), BEFORE, _script(), *MKE2FS, *COMPRESSED, json.dumps(METADATA)]
    digest = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]
    return f"miglab-{SYSTEM}-{digest}"


def _packages() -> tuple[str, ...]:
    """Those of every role, since one box serves all, and what boots."""
    return (*packages.boxed(), *PACKAGES)


def _script() -> str:
    return files("miglab.lab").joinpath("box.sh").read_text()


def exists(box: str) -> bool:
    """Whether Vagrant has the box already."""
    listed = run(["vagrant", "box", "list"], about=box, error=ImageError, env=environment())
    return any(line.startswith(f"{box} (libvirt") for line in listed.splitlines())


def environment() -> dict[str, str]:
    """Vagrant's, told to ask nobody whether there is a newer one."""
    return {**os.environ, "VAGRANT_CHECKPOINT_DISABLE": "1"}


def ensure(say: Say = silence) -> tuple[str, bool]:
    """The box's name, and whether it had to be built; raises ImageError when that cannot be."""
    box = name()
    if exists(box):
        return box, False
    with held(f"box {box}", wait_seconds=LONG):
        if exists(box):
            return box, False
        say(f"building the box {box} from Debian's packages (three minutes, once)")
        _build(box, say)
    return box, True


def _build(box: str, say: Say) -> None:
    """Added once it is whole; what was made on the way is gone afterwards, whatever happens."""
    with workspace() as work:
        root, raw, disk, packed = (Path(work, part) for part in ("root", "disk", "box.img", "box"))
        script = Path(work, "box.sh")
        script.write_text(_script())
        hook = f'--customize-hook=chroot "$1" sh -s < {script}'
        options = ("--skip=cleanup/reproducible", f"--setup-hook={BEFORE}", hook)
        bootstrap(SUITES[SYSTEM], _packages(), root, *options, about=box)
        say("putting its disk together")
        assemble(root, raw, DISK_GIB << 30)
        convert = ["qemu-img", "convert", *COMPRESSED, "-O", "qcow2", str(raw), str(disk)]
        run(convert, about=box, error=ImageError, seconds=LONG)
        _pack(Path(work), disk, packed)
        add = ["vagrant", "box", "add", "--name", box, str(packed)]
        done = attempt(add, about=box, error=ImageError, seconds=LONG, env=environment())
        if done.returncode:
            raise ImageError(f"{box}: vagrant cannot add it: {last_words(done)}")


def _pack(work: Path, disk: Path, packed: Path) -> None:
    """A box is a tar of a disk and of what the provider must know of it."""
    metadata = work / "metadata.json"
    metadata.write_text(json.dumps(METADATA))
    with tarfile.open(packed, "w") as tar:
        for part in (metadata, disk):
            tar.add(part, part.name)
