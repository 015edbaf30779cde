"""pyinfra's ``@lab`` connector: hosts of a lab by its ssh_config, brought up if missing.

It speaks ssh by the ``ssh`` program and leaves everything else (keys, the way into the lab's
namespaces, shared connections) to the lab's ssh_config, as every other tool does. Bringing nodes
up happens in a process of its own, since pyinfra's is patched by gevent.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from io import IOBase
from typing import IO, Any, TypedDict, cast

from gevent.lock import Semaphore
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError, InventoryError
from pyinfra.api.util import get_file_io
from pyinfra.connectors.base import BaseConnector, DataMeta
from pyinfra.connectors.util import (
    CommandOutput,
    extract_control_arguments,
    make_unix_command_for_host,
    run_local_process,
)

from miglab.errors import UsageError
from miglab.lab.access import answers, ssh_argv
from miglab.lab.place import Place
from miglab.lab.remote_shell import RemoteShell

ANEW_SECONDS = 10.0  # times patience, and within what a guard leaves of its own
_bringing_up = Semaphore()  # several hosts connect at once; one `up` heals them all
_brought_up: dict[tuple[str, str], int] = {}  # exit code of this run's `up`, by lab and declaration


class LabData(TypedDict):
    """What the inventory tells each host of a lab."""

    lab_name: str
    lab_topology: str
    lab_inventory: str | None


class LabConnector(BaseConnector):
    """A host named ``@lab/NODE`` or ``@lab/LAB/NODE``."""

    handles_execution = True
    data_cls = LabData
    data_meta = {  # noqa: RUF012 - pyinfra's own way of declaring it
        "lab_name": DataMeta("Name of the lab", "default"),
        "lab_topology": DataMeta(
            "The declaration the lab is made from", "inventories/topology.yaml"
        ),
        "lab_inventory": DataMeta("Of own hosts, the file that says how they are reached"),
    }
    data: LabData

    @staticmethod
    def make_names_data(name: str | None = None) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """One host for ``NODE`` or ``LAB/NODE``."""
        if not name:
            raise InventoryError("@lab: expected @lab/NODE or @lab/LAB/NODE, found no node")
        lab, _, node = name.rpartition("/")
        try:
            place = Place(lab or "default")
        except UsageError as error:
            raise InventoryError(f"@lab/{name}: {error}") from None
        yield node, {"lab_name": place.name}, ["@lab"]

    @property
    def _place(self) -> Place:
        return Place(self.data["lab_name"])

    def connect(self) -> None:
        """Reaches the node; brings the lab up first if it does not answer."""
        if self._answers():
            return
        with _bringing_up:
            if not self._answers():
                self._bring_up()

    @property
    def _is_own(self) -> bool:
        """Whether it is a host of the user's own, whose way in follows an inventory."""
        return self._place.origin == "site"

    def _answers(self) -> bool:
        """Not by a way in that this run has not written anew: it might lead to another host."""
        known = (self.data["lab_name"], self.data["lab_topology"]) in _brought_up
        return (known or not self._is_own) and answers(self._place, self.host.name, seconds=5)

    def answers_anew(self) -> bool:
        """Whether the node answers over a connection of its own, which nobody shares."""
        return answers(self._place, self.host.name, ANEW_SECONDS, shared=False)

    def _bring_up(self) -> None:
        """Once for each lab, however many of its hosts are away; raises ConnectError."""
        lab, topology = self.data["lab_name"], self.data["lab_topology"]
        if (lab, topology) not in _brought_up:
            command = [sys.executable, "-m", "miglab", "up", "--lab", lab, "--topology", topology]
            inventory = self.data.get("lab_inventory")
            own = {"MIGLAB_INVENTORY": inventory} if inventory else {}
            _brought_up[lab, topology] = subprocess.call(
                command, stdout=sys.stderr, env={**os.environ, **own}
            )
        if (code := _brought_up[lab, topology]) and not self._is_own:  # others may be away
            raise ConnectError(f"lab {lab}: `miglab up` failed ({code})")
        if not self._answers():
            raise ConnectError(f"lab {lab}: {self.host.name} does not answer, though it is up")

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> tuple[bool, CommandOutput]:
        """Runs ``command`` on the node: in the shell that stays open, or apart if it has input."""
        control = extract_control_arguments(arguments)  # type: ignore[arg-type]  # the same private dict
        unix = make_unix_command_for_host(self.state, self.host, command, **arguments)
        how: dict[str, Any] = {
            "timeout": control.get("_timeout"),
            "print_output": print_output,
            "print_prefix": self.host.print_prefix,
        }
        if stdin := control.get("_stdin"):
            argv = ssh_argv(self._place, self.host.name, [unix.get_raw_value()])
            code, output = run_local_process(shlex.join(argv), stdin=stdin, **how)
        else:
            code, output = self._shell.run(unix.get_raw_value(), **how)
        return code in (control.get("_success_exit_codes") or [0]), output

    @cached_property
    def _shell(self) -> RemoteShell:
        return RemoteShell(ssh_argv(self._place, self.host.name, ["exec sh"]))

    def disconnect(self) -> None:
        """The connection itself is shared, and outlives us."""
        self._shell.close()

    def put_file(
        self,
        filename_or_io: str | IOBase,
        remote_filename: str,
        remote_temp_filename: str | None = None,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> bool:
        """Writes a file on the node once all of it has arrived; it may be a mount, so in place."""
        with get_file_io(cast("str | IO[Any]", filename_or_io)) as stream:
            content = stream.read()
        target = shlex.quote(remote_filename)
        return self._pipe(
            f"cat > {target}.miglab && cat {target}.miglab > {target} && rm {target}.miglab",
            content.encode() if isinstance(content, str) else content,
        )[0]

    def get_file(
        self,
        remote_filename: str,
        filename_or_io: str | IOBase,
        remote_temp_filename: str | None = None,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,
    ) -> bool:
        """Reads a file of the node."""
        done, content = self._pipe(f"cat {shlex.quote(remote_filename)}", b"")
        if done:
            with get_file_io(cast("str | IO[Any]", filename_or_io), "wb") as stream:
                stream.write(content)
        return done

    def _pipe(self, script: str, content: bytes) -> tuple[bool, bytes]:
        """Whether ``script`` succeeded with ``content`` as its input, and what it printed."""
        argv = ssh_argv(self._place, self.host.name, [script])
        done = subprocess.run(argv, input=content, capture_output=True, check=False)
        for line in done.stderr.decode(errors="replace").splitlines() if done.returncode else ():
            logger.error(f"{self.host.print_prefix}{line}")
        return done.returncode == 0, done.stdout
