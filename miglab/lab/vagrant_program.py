"""Vagrant as one lab has it: by python-vagrant, and a failure is one line."""

import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil

from miglab.errors import LabError
from miglab.lab import libvirtd
from miglab.lab.command import end
from miglab.lab.deployment import HOME
from miglab.lab.keys import write_private
from miglab.lab.lab import Say
from miglab.lab.place import Place

PROGRAM = """\
#!/bin/sh
# Vagrant as this lab has it, such as `vagrant status` or `vagrant ssh source`.
export MIGLAB_PLACE={place} VAGRANT_CWD={project} VAGRANT_DOTFILE_PATH={place}/vagrant.d
export VAGRANT_CHECKPOINT_DISABLE=1
exec {enter} --wd="$PWD" vagrant "$@"
"""
TOLD = re.compile(
    r"==> [\w-]+: (Uploading|Creating (image|domain)|Starting|Waiting|Machine booted|Restoring"
    r"|Resuming|Configuring|An error)"
)
PLUGIN = re.compile(r"provider 'libvirt' could not be found|No usable default provider")
"""What Vagrant says where it has none."""
UP_SECONDS, CLEANING_SECONDS = 600, 60
CONFIDENTIAL = "io.systemd.credential"
"""Vagrant shows what a machine is given, among it the machine's own key."""


class VagrantProgram:
    """Speaks to the libvirtd of the lab in ``place``, which must run; keeps a log there."""

    def __init__(self, place: Place) -> None:
        """Writes the lab's own ``vagrant``, for us and for the user; raises LabError."""
        import vagrant

        enter = " ".join(libvirtd.enter(place)[:-1])
        program = place.directory / "vagrant"
        text = PROGRAM.format(project=HOME, place=place.directory, enter=enter)
        write_private(program, text.encode(), mode=0o700)
        self.log = place.directory / "vagrant.log"
        self._name = place.name
        library: Any = vagrant  # it has no types
        output = library.make_file_cm(str(self.log))
        self._vagrant = library.Vagrant(str(HOME), out_cm=output, err_cm=output)
        self._vagrant._vagrant_exe = str(program)  # it can be told in no other way

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        before = self.log.stat().st_size if self.log.exists() else 0
        try:
            yield
        except subprocess.CalledProcessError as failure:
            output = failure.output or b""  # where the machine-readable commands complain
            text = output.decode(errors="replace") if isinstance(output, bytes) else output
            self._keep(text.splitlines())
            said = self.log.read_bytes()[before:].decode(errors="replace")
            raise LabError(f"lab {self._name}: {self._reason(what, said)}") from None

    def _reason(self, what: str, said: str) -> str:
        if PLUGIN.search(said):
            return "vagrant has no plugin for libvirt; `make install purpose=vagrant` installs it"
        return f"vagrant {what} failed; its own words stand in {self.log}"

    @contextmanager
    def _within(self, seconds: float) -> Iterator[None]:
        """Vagrant by itself waits for a machine that does not boot for as long as it takes."""
        late = threading.Event()

        def interrupt() -> None:
            late.set()
            for process in _at_work():
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGINT)

        timer = threading.Timer(seconds, interrupt)
        timer.start()
        try:
            yield
        except LabError:
            if late.is_set():
                told = f"not all machines answered within {seconds:g} s"
                raise LabError(f"lab {self._name}: {told}") from None
            raise
        finally:
            timer.cancel()

    def up(self, say: Say, seconds: float = UP_SECONDS) -> None:
        """Makes, starts and resumes machines, and says what it does; LabError after ``seconds``."""
        lines: list[str] = []
        with self._within(seconds), self._doing("up"):
            try:
                for line in self._vagrant.up(provider="libvirt", stream_output=True):
                    lines.append(line.rstrip())
                    if TOLD.match(line):
                        say(line[4:].rstrip())
            except KeyboardInterrupt:
                _let_clean_up()
                raise
            finally:
                self._keep(lines)

    def _keep(self, lines: list[str]) -> None:
        shown = [line for line in lines if CONFIDENTIAL not in line]
        with self.log.open("a") as log:
            log.writelines(f"{line}\n" for line in shown)

    def reload(self, name: str) -> None:
        """Switches a machine off and on."""
        self._call("reload", lambda: self._vagrant.reload(vm_name=name))

    def suspend(self) -> None:
        """Puts the memory of all on disk."""
        self._call("suspend", self._vagrant.suspend)

    def destroy(self, name: str) -> None:
        """Removes a machine and its disk."""
        self._call("destroy", lambda: self._vagrant.destroy(vm_name=name))

    def _call(self, what: str, action: Callable[[], object]) -> None:
        with self._doing(what):
            action()

    def states(self) -> dict[str, str]:
        """Of each machine that there is."""
        with self._doing("status"):
            found = self._vagrant.status()
        return {each.name: each.state for each in found if each.state != "not_created"}


def _let_clean_up() -> None:
    """Vagrant was interrupted as we were, and removes what it had half made; until it has."""
    _, left = psutil.wait_procs(list(_at_work()), timeout=CLEANING_SECONDS)
    for process in left:
        end(process)


def _at_work() -> Iterator[psutil.Process]:
    """Vagrant, where it runs for us; it may end meanwhile."""
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "up" in process.cmdline():
                yield process
