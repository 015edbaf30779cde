"""Vagrant as one lab has it: by python-vagrant, and a failure is one line."""

import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from miglab.errors import LabError
from miglab.lab import libvirtd
from miglab.lab.deployment import HOME
from miglab.lab.keys import write_private
from miglab.lab.lab import Say
from miglab.lab.place import Place
from miglab.lab.vagrant_process import interrupt, let_clean_up

T = TypeVar("T")
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
SECONDS, MACHINE_SECONDS = 600, 200
"""For any command, and for each machine that is to come up."""
LATE = {"up": "not all machines answered", "reload": "the machine did not answer"}
CONFIDENTIAL = "io.systemd.credential"
"""Vagrant shows what a machine is given, among it the machine's own key."""


def up_seconds(machines: int) -> float:
    """How long so many machines may take to come up: emulated, each has a part of this one."""
    return max(SECONDS, MACHINE_SECONDS * machines)


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
    def _within(self, what: str, seconds: float) -> Iterator[None]:
        """Vagrant by itself waits for whatever does not come for as long as it takes."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            interrupt(what)

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            yield
        except LabError:
            if late.is_set():
                told = LATE.get(what, f"vagrant {what} was not done")
                raise LabError(f"lab {self._name}: {told} within {seconds:g} s") from None
            raise
        finally:
            timer.cancel()

    def up(self, say: Say, seconds: float = SECONDS) -> None:
        """Makes, starts and resumes machines, and says what it does; LabError after ``seconds``."""
        lines: list[str] = []
        with self._within("up", seconds), self._doing("up"):
            try:
                for line in self._vagrant.up(provider="libvirt", stream_output=True):
                    lines.append(line.rstrip())
                    if TOLD.match(line):
                        say(line[4:].rstrip())
            except KeyboardInterrupt:
                let_clean_up("up")
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

    def _call(self, what: str, action: Callable[[], T]) -> T:
        with self._within(what, SECONDS), self._doing(what):
            return action()

    def states(self) -> dict[str, str]:
        """Of each machine that there is."""
        try:
            found = self._call("status", self._vagrant.status)
        except (ValueError, IndexError) as odd:  # of a line that is none of its own
            raise LabError(
                f"lab {self._name}: vagrant status: expected lines of time, machine, kind and"
                f" value, found others ({odd}); {self.log.with_name('vagrant')} status shows them"
            ) from None
        known = {each.name: each.state for each in found if each.state}
        return {name: state for name, state in known.items() if state != "not_created"}
