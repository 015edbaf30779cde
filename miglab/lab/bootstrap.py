"""Root file systems of Debian, made on this machine from its own packages by mmdebstrap."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from miglab.errors import ImageError
from miglab.lab.command import LONG, require
from miglab.lab.place import state_root

SUITES = {"debian-13": "trixie", "debian-12": "bookworm"}

OPTIONS = (
    "--variant=minbase",
    "--skip=check/qemu,check/signed-by",
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)


BEFORE = """\
mkdir -p "$1/etc/initramfs-tools/conf.d"
echo MODULES=list >"$1/etc/initramfs-tools/conf.d/miglab"
printf '%s\\n' virtio_pci virtio_blk virtio_net ext4 >"$1/etc/initramfs-tools/modules"
"""
"""Before any package: an initramfs of what a machine here needs loads in seconds when emulated."""


def bootstrap(suite: str, include: tuple[str, ...], root: Path, *options: str, about: str) -> None:
    """Makes ``root``, a directory or, by its name, a tar; raises ImageError with the cause.

    Work and log lie beside it, in a directory from :func:`workspace`.
    """
    require("mmdebstrap", about=about, error=ImageError)
    log = root.parent / "log"
    command = [  # it ends with us, however we end, and when it takes too long
        *("setpriv", "--pdeathsig=KILL", "timeout", f"{LONG:.0f}", "mmdebstrap"),
        *OPTIONS,
        f"--include={','.join(include)}",
        *options,
        suite,
        str(root),
    ]
    with log.open("w") as sink:
        code = subprocess.call(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=_environment(root.parent),
        )
    if code:
        raise ImageError(f"{about}: mmdebstrap {suite} failed: {cause(log.read_text())}")


def workspace() -> tempfile.TemporaryDirectory[str]:
    """A directory for one build; what killed builds left is swept by :func:`sweep`."""
    builds = state_root() / "build"
    builds.mkdir(parents=True, exist_ok=True)
    sweep()
    return tempfile.TemporaryDirectory(prefix=f"{os.getpid()}.", dir=builds)


def sweep() -> None:
    """Removes the work of builds whose process is gone."""
    for leftover in (state_root() / "build").glob("*.*"):
        if not Path("/proc", leftover.name.split(".")[0]).exists():
            shutil.rmtree(leftover, ignore_errors=True)


def _environment(work: Path) -> dict[str, str]:
    words = {"TMPDIR": str(work), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    return {**os.environ, **words}


def cause(log: str) -> str:
    """The line of a build's log that says why: the first error, not the last consequence.

    apt gives the reason for an ``Err:`` in the line after it.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["it said nothing"]
    failed = (i for i, line in enumerate(lines) if line.startswith(("E:", "Err:", "dpkg: error")))
    first = next(failed, 0)
    if not lines[first].startswith("Err:"):
        return lines[first]
    reason = " ".join(lines[first : first + 2])
    return f"{reason}; is the package registry reachable?"
