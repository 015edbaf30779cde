"""A desk with virt-manager on it, under a screen that nobody sees (Xvfb).

Its settings, its session bus and its home are its own, in a folder that goes with it.
"""

import json
import os
import secrets
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from miglab.deadline import Deadline
from miglab.errors import LabError
from miglab.lab.access import libvirt_uri
from miglab.lab.embedded import EmbeddedLab

PYTHON, LOOK = "/usr/bin/python3", Path(__file__).with_name("look.py")
PROGRAMS = ("virt-manager", "Xvfb", "dbus-daemon")
SECONDS = 60.0
MANAGER, WIZARD = "Virtual Machine Manager", "Migrate the virtual machine"
SETTINGS = """\
[org/virt-manager/virt-manager]
manager-window-width=620
manager-window-height=230

[org/virt-manager/virt-manager/connections]
uris={uris}
autoconnect={uris}
"""
Guests = dict[str, dict[str, str]]


def lacking() -> str | None:
    """Why there can be no desk here, or None; the bindings are found by trying."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if not missing and subprocess.run([PYTHON, LOOK], capture_output=True, check=False).returncode:
        missing = ["AT-SPI for Python"]
    words = f"{', '.join(missing)}: missing; `make install purpose=pictures` installs it"
    return words if missing else None


@dataclass(frozen=True)
class Desk:
    """One who sits there: looks at virt-manager's list, and clicks."""

    environment: Mapping[str, str]

    def _look(self, *words: str) -> str | None:
        """What look.py prints; None for what is not there (yet)."""
        done = subprocess.run(
            [PYTHON, "-W", "ignore", LOOK, *words],
            env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode > 1 or "Traceback" in done.stderr:
            raise LabError(f"look.py {' '.join(words)}: {done.stderr.strip().splitlines()[-1:]}")
        return done.stdout or " " if done.returncode == 0 else None

    def _await(self, *words: str) -> None:
        Deadline(SECONDS).until(
            lambda: self._look(*words),
            lambda: LabError(f"virt-manager: {' '.join(words)}: not there after {SECONDS:g} s"),
        )

    def listed(self) -> Guests:
        """By host, the guests that virt-manager lists below it, and their states."""
        return cast(Guests, json.loads(self._look("list") or "{}"))

    def await_listed(self, expected: Guests) -> None:
        """Until the list is that; raises LabError with what it is instead."""
        Deadline(SECONDS).until(
            lambda: self.listed() == expected,
            lambda: LabError(f"virt-manager lists {self.listed()}, expected {expected}"),
        )

    def ask_to_migrate(self, guest: str, target: str) -> None:
        """Opens the guest's window, from there the dialog, and chooses the new host in it."""
        self._await("press", "table cell", guest, "activate")
        self._await("press", "menu item", "Migrate...", "click")
        self._await("press", "menu item", f"QEMU/KVM: {target}", "click")

    def migrate(self) -> None:
        """Presses the dialog's button; it is over when the list says so."""
        self._await("press", "push button", "Migrate", "click")

    def photograph(self, title: str, path: Path) -> None:
        """The window of that title, as PNG."""
        self._await("picture", title, str(path))


@contextmanager
def desk(lab: EmbeddedLab) -> Iterator[Desk]:
    """virt-manager, connected to all hosts of the lab; nothing of it stays."""
    if why := lacking():
        raise LabError(why)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="miglab-desk-")))
        environment = _settle(lab, home)
        environment["DISPLAY"] = ":" + stack.enter_context(_screen(home))
        environment["DBUS_SESSION_BUS_ADDRESS"] = stack.enter_context(
            _telling(["dbus-daemon", "--session", "--nofork", "--print-address=1"], environment)
        )
        stack.enter_context(_running(["virt-manager", "--no-fork"], environment))
        yield Desk(environment)


def _settle(lab: EmbeddedLab, home: Path) -> dict[str, str]:
    """Settings in a file instead of the user's database: both hosts, connected at once."""
    nodes = lab.topology.hypervisors
    uris = [libvirt_uri(lab.place.ssh_command, node.name) for node in nodes]
    settings = home / "config" / "glib-2.0" / "settings" / "keyfile"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS.format(uris=uris))
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_RUNTIME_DIR": str(home),
        "XAUTHORITY": str(home / "authority"),
        "GSETTINGS_BACKEND": "keyfile",
        "GTK_THEME": "Adwaita",
    }


@contextmanager
def _screen(home: Path) -> Iterator[str]:
    """The number of a display that only who reads the cookie may use."""
    name, cookie = b"MIT-MAGIC-COOKIE-1", secrets.token_bytes(16)
    anywhere = struct.pack(">HHHH", 0xFFFF, 0, 0, len(name)) + name  # see Xau(3): FamilyWild
    path = home / "authority"
    path.write_bytes(anywhere + struct.pack(">H", len(cookie)) + cookie)
    path.chmod(0o600)
    words = ["Xvfb", "-displayfd", "1", "-screen", "0", "1000x900x24", "-nolisten", "tcp"]
    with _telling([*words, "-auth", str(path)], os.environ) as number:
        yield number


@contextmanager
def _telling(argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """A server that runs while the block does; what it says is its first line, once it is ready."""
    with _running(argv, environment) as server:
        line = server.stdout.readline().strip() if server.stdout else ""
        if not line:
            raise LabError(f"{argv[0]}: ended at once, with {server.wait()}")
        yield line


@contextmanager
def _running(
    argv: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A program that ends with the block; it is seen to be gone, whatever it does meanwhile."""
    with subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.terminate()
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
