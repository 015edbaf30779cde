"""A libvirtd of the lab's own: its machines and networks exist in the lab's namespace only."""

import subprocess
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import psutil

from miglab.deadline import Deadline
from miglab.errors import LabError, NodeError
from miglab.lab.command import attempt, end, last_words
from miglab.lab.keys import write_private
from miglab.lab.place import Place

QEMU = """\
# Written by miglab. The machines are root's, as the lab is.
user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
cgroup_controllers = []
namespaces = []
remember_owner = 0
"""
DAEMON = 'unix_sock_group = "root"\nauth_unix_rw = "none"\n'
SCRIPT, NETWORK = "libvirtd.sh", "management.xml"
START_SECONDS = 120


def directory(place: Place) -> Path:
    """Everything it knows and keeps: definitions, disks, saved memory, logs."""
    return place.directory / "libvirt"


def process(place: Place) -> psutil.Process | None:
    """The one of this lab, if it runs."""
    pid = directory(place) / "run" / "libvirtd.pid"
    with suppress(OSError, ValueError, psutil.NoSuchProcess):
        found = psutil.Process(int(pid.read_text()))
        if found.name() == "libvirtd" and is_inside(place, found.pid):
            return found
    return None


def is_inside(place: Place, pid: int) -> bool:
    """Whether a process lives in the lab's network."""
    with suppress(OSError):
        return Path("/proc", str(pid), "ns/net").samefile(place.namespace_path())
    return False


def enter(place: Place) -> list[str]:
    """What a command begins with that shall see this libvirtd; raises LabError without one."""
    found = process(place)
    if found is None:
        raise LabError(f"lab {place.name}: is not up; `miglab up --lab {place.name}` brings it up")
    return ["nsenter", f"--target={found.pid}", "--mount", "--net", "--"]


def ensure(place: Place) -> bool:
    """Starts it unless it runs; whether it was started. Its namespace has to be there."""
    if process(place):
        return False
    home = directory(place)
    write_private(home / "etc" / "qemu.conf", QEMU.encode())
    write_private(home / "etc" / "libvirtd.conf", DAEMON.encode())
    script = home / SCRIPT
    write_private(script, files("miglab.lab").joinpath(SCRIPT).read_bytes())
    with (home / "output").open("w") as output:
        subprocess.run(  # setsid forks: it outlives this process and is nobody's child
            [
                *("setsid", "--fork", "nsenter", f"--net={place.namespace_path()}"),
                *("unshare", "--mount", "--propagation=private", "sh", str(script), str(home)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=True,
        )
    Deadline(START_SECONDS).until(
        lambda: _answers(place),
        lambda: LabError(f"lab {place.name}: its libvirtd gave no answer; see {home}/output"),
    )
    _define_network(place)
    return True


def _define_network(place: Place) -> None:
    """The one that Vagrant manages machines by; raises LabError in libvirt's words."""
    if virsh(place, "net-info", "vagrant-libvirt").returncode == 0:
        return
    done = virsh(place, "net-define", str(Path(__file__).with_name(NETWORK)))
    if done.returncode:
        raise LabError(f"lab {place.name}: the machines' network: {last_words(done)}")


def _answers(place: Place) -> bool:
    return process(place) is not None and not virsh(place, "version").returncode


def virsh(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """Asks this libvirtd."""
    command = [*enter(place), "virsh", "-q", "-c", "qemu:///system", *words]
    return attempt(command, about=f"lab {place.name}")


def console(place: Place, node: str) -> str:
    """The last line that a machine's console showed."""
    path = place.seed(node) / "console"
    text = path.read_bytes()[-4096:].decode(errors="replace") if path.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][-200:] if lines else "nothing"


def address(place: Place, node: str) -> str:
    """What a machine was leased; raises NodeError when it has none."""
    found = virsh(place, "domifaddr", f"{place.name}-{node}").stdout.split()
    leased = next((word.partition("/")[0] for word in found if "/" in word), None)
    if leased is None:
        raise NodeError(
            f"{node}: has no address yet; its console said last: {console(place, node)}"
        )
    return leased


def end_all(place: Place) -> None:
    """Ends everything that lives in the lab's network: machines, their libvirtd, its helpers."""
    for found in list(psutil.process_iter()):
        if is_inside(place, found.pid):
            end(found)
