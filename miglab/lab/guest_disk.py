"""The disk of a guest that is not ours: Debian from its own packages, booted by its own GRUB."""

import hashlib
import shlex
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path, PurePosixPath

from miglab.errors import NodeError
from miglab.lab.access import on_node, ssh_argv
from miglab.lab.bootstrap import BEFORE, OPTIONS, SUITES, bootstrap, workspace
from miglab.lab.command import LONG, last_words
from miglab.lab.lock import held
from miglab.lab.place import Place, state_root
from miglab.lab.raw_disk import MKE2FS, assemble
from miglab.topology import Topology

PACKAGES = (
    *("linux-image-cloud-amd64", "initramfs-tools", "grub-pc-bin"),
    *("systemd-sysv", "udev", "stress-ng"),
)
UNUSED = (
    *("/usr/lib/*/libLLVM*", "/usr/lib/*/libgallium*"),  # stress-ng's for graphics: 170 MB
    *(
        f"/usr/share/initramfs-tools/{file}"
        for file in ("hooks/dmsetup", "hooks/udev", "scripts/*/udev")
    ),
)


def disk_path(topology: Topology) -> PurePosixPath:
    """Where the guest's disk lies on the share.

    The name tells what it was made of, so another recipe is another disk, and one that is there
    is whole and is never replaced.
    """
    guest = topology.guest
    if guest.ours:
        return topology.share.path / f"{guest.name}.img"
    return topology.share.path / f"{guest.name}.{guest.system}-{_digest(topology)}.img"


def _digest(topology: Topology) -> str:
    recipe = [*_options(topology, "-"), *OPTIONS, *PACKAGES, *MKE2FS, str(int(topology.guest.disk))]
    return hashlib.sha256("\n".join([*recipe, _script()]).encode()).hexdigest()[:12]


def _script() -> str:
    return files("miglab.lab").joinpath("guest.sh").read_text()


def _options(topology: Topology, script: str) -> tuple[str, ...]:
    """What mmdebstrap is told for this guest, whose ``script`` lies in a file of that name."""
    network, guest = topology.network, topology.guest
    words = shlex.join([guest.name, network.interface(guest.address), str(network.gateway)])
    return (
        *(f"--dpkgopt=path-exclude={path}" for path in UNUSED),
        "--skip=cleanup/reproducible",  # it would take the machine's id away
        f"--setup-hook={BEFORE}",
        f'--customize-hook=chroot "$1" sh -s {words} < {script}',
    )


def ensure(place: Place, topology: Topology, say: Callable[[str], None]) -> None:
    """Makes the disk and puts it on the share, unless it is there; of a guest that runs nowhere.

    What it wrote to its disk in earlier lives is kept.
    """
    path, storage = disk_path(topology), topology.storage.name
    if on_node(place, storage, f"test -e {path} && echo there || true"):
        return
    image = state_root() / "guests" / path.name
    with held(f"image {path.name}", wait_seconds=LONG):
        if not image.exists():
            say(f"building the disk of {topology.guest.name} (two minutes, once)")
            _build(topology, image)
    say(f"putting {path.name} on the share")
    _put(place, topology, image)


def _build(topology: Topology, image: Path) -> None:
    """Beside its place, and renamed once it is complete."""
    with workspace() as work:
        root, new, script = (Path(work, name) for name in ("root", "disk", "guest.sh"))
        script.write_text(_script())
        options = _options(topology, str(script))
        bootstrap(SUITES[topology.guest.system], PACKAGES, root, *options, about=image.name)
        assemble(root, new, int(topology.guest.disk))
        image.parent.mkdir(exist_ok=True)
        new.replace(image)


def _put(place: Place, topology: Topology, image: Path) -> None:
    """Streamed without its holes, complete before it has its name; what it replaces is removed."""
    share, storage = topology.share, topology.storage.name
    prefix = f"{share.path}/{topology.guest.name}.{topology.guest.system}-"
    new, path = f"{share.path}/{image.name}.new", share.path / image.name
    script = (
        f"set -e; rm -f {prefix}*; tar -C {share.path} -xSf - --transform='s/$/.new/';"
        f" chown {share.owner}:{share.owner} {new}; chmod 660 {new}; mv {new} {path}"
    )
    pack = ["tar", "-C", str(image.parent), "-cSf", "-", image.name]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packing:
        done = subprocess.run(
            ["timeout", f"{LONG:.0f}", *ssh_argv(place, storage, [script])],
            stdin=packing.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode or packing.returncode:
        raise NodeError(f"{storage}: {path} could not be written: {last_words(done)}")
