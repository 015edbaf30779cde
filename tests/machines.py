"""Machines that exist only as what they would answer, and pyinfra running deploys on them."""

import hashlib
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyinfra.api.command import FileUploadCommand, FunctionCommand, StringCommand
from pyinfra.api.config import Config
from pyinfra.api.connect import connect_all
from pyinfra.api.deploy import add_deploy
from pyinfra.api.inventory import Inventory
from pyinfra.api.operations import run_ops
from pyinfra.api.state import State, StateStage
from pyinfra.connectors.fake import FakeConnector
from pyinfra.connectors.util import CommandOutput, OutputLine
from pyinfra.context import ctx_inventory

SHIPPED = Path(__file__).parents[1] / "inventories" / "topology.yaml"
Changes = list[tuple[str, list[str]]]
UNIT = r"[\w@.\\-]+\.(?:service|socket|mount)"


@dataclass
class Machine:
    """A machine as pyinfra sees it; what it is not asked about does not exist on it."""

    os: str = "ID=debian\n"
    says: dict[str, str] = field(default_factory=dict)  # part of a command → what it prints
    files: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    active: set[str] = field(default_factory=set)
    enabled: set[str] = field(default_factory=set)
    changes: dict[str, dict[str, str]] = field(default_factory=dict)  # command → what it then says
    asked: list[str] = field(default_factory=list)  # every command, in order

    def run(self, command: str) -> list[str]:
        """What the machine prints for ``command``."""
        self.asked.append(command)
        for part, text in self.changes.items():
            if part in command:
                self.says = {**self.says, **text}
        said = next((text for part, text in self.says.items() if part in command), None)
        return (self._reads(command) if said is None else said).splitlines()

    def _reads(self, command: str) -> str:
        for sign, answer in (
            ("cat /etc/os-release", lambda _: self.os),
            ("systemctl list-units", lambda _: "\n".join(self.active)),
            ("systemctl show", self._units),
            ("dpkg -l", lambda _: "".join(f"ii  {p}  1.0  amd64  x\n" for p in self.packages)),
            ("rpm --queryformat", lambda _: "".join(f"{p} 1.0-1\n" for p in self.packages)),
            ("if test -r", lambda c: self.files.get(shlex.split(c)[3].rstrip(";"), "")),
            ("stat -c '%u:%g %a'", lambda c: self.owners.get(shlex.split(c)[3], "")),
            ("stat -c 'user=", self._status),
            ("sha1sum", self._digest),
            ("grep -e", self._lines),
            ("&& echo yes", self._exists),
        ):
            if sign in command:
                return answer(command)
        return ""

    def _units(self, command: str) -> str:
        key, yes, known = (
            ("SubState", "running", self.active)
            if "SubState" in command
            else ("UnitFileState", "enabled", self.enabled)
        )
        units = re.findall(UNIT, command)
        return "".join(f"Id={u}\n{key}={yes if u in known else 'dead'}\n\n" for u in units)

    def _status(self, command: str) -> str:
        path = shlex.split(command)[3]
        known = {*self.files, *self.owners}
        if path not in known and not any(each.startswith(f"{path}/") for each in known):
            return ""
        kind = "-rw-r--r--" if path in self.files else "drwxr-xr-x"
        return f"user=root group=root mode={kind} atime=1 mtime=1 ctime=1 size=1 '{path}'"

    def _digest(self, command: str) -> str:
        path = shlex.split(command)[2]
        digest = hashlib.sha1(self.files.get(path, "").encode(), usedforsecurity=False)
        return f"{digest.hexdigest()}  {path}" if path in self.files else ""

    def _lines(self, command: str) -> str:
        _, _, pattern, path, *_ = words = shlex.split(command)
        plain = pattern.replace("+", r"\+").replace("[]", r"\[\]")  # as grep's simple expressions
        found = [each for each in self.files.get(path, "").split("\n") if re.search(plain, each)]
        exists = next(word for word in words if word.startswith("__pyinfra_exists"))
        return "\n".join(found) or (exists if path in self.files else "")

    def _exists(self, command: str) -> str:
        paths = re.findall(r"test -e '([^']+)'", command)
        return "yes" if paths and all(path in self.files for path in paths) else "no"


class MachineConnector(FakeConnector):
    """pyinfra's @fake, answering as ``machine`` does."""

    machine: Machine

    def run_shell_command(
        self, command: str | StringCommand, *_: object, **__: Any
    ) -> tuple[bool, CommandOutput]:
        """Whatever is asked succeeds; pyinfra's wish that a tool exist is taken as granted."""
        text = command if isinstance(command, str) else str(command.get_raw_value())
        guarded = re.fullmatch(r"if command -v .*; then \( (.*) \); else .* fi", text, re.DOTALL)
        lines = self.machine.run(guarded[1] if guarded else text)
        return True, CommandOutput([OutputLine("stdout", line) for line in lines])

    def put_file(self, *_: object, **__: Any) -> bool:
        """Always arrives."""
        return True


def described(command: object) -> str:
    """A command as text: an upload by its destination and content, a function by its name."""
    if isinstance(command, FunctionCommand):
        return str(command.function.__name__)
    if isinstance(command, FileUploadCommand):
        assert not isinstance(command.src, str)
        command.src.seek(0)
        content = command.src.read()
        text = content if isinstance(content, str) else f"{len(content)} bytes"
        return f"upload {command.dest}\n{text}"
    assert isinstance(command, StringCommand)
    return str(command.get_raw_value())


def changes_on(state: State, host: Any) -> Iterator[tuple[str, list[str]]]:
    """What each operation did on ``host``, those left out that did nothing."""
    for op_hash in host.op_hash_order:
        meta = state.ops[host][op_hash].operation_meta
        if meta.did_change():
            (name,) = state.op_meta[op_hash].names
            yield name, [described(each) for each in meta._commands or ()]


class Pyinfra:
    """Runs deploys on machines by node name; those in ``away`` are not reached."""

    def __init__(
        self,
        machines: dict[str, Machine],
        away: frozenset[str] = frozenset(),
        pki: Path | None = None,
    ) -> None:
        data = {"lab_name": "unit", "lab_topology": str(SHIPPED), "fake_delay": 0}
        data["lab_pki"] = str(pki) if pki else None
        names = [(f"@fake/{name}", {**data, "node": name}) for name in machines]
        inventory = Inventory((names, {}))  # type: ignore[no-untyped-call]  # pyinfra's
        self.state = State(inventory, Config())  # type: ignore[no-untyped-call]  # likewise
        for host in inventory:
            host.connector = connector = MachineConnector(self.state, host)
            connector.machine = machines[host.data.node]
        if away:
            self.state.limit_hosts = [h for h in inventory if h.data.node not in away]
        self.state.current_stage = StateStage.Connect
        connect_all(self.state)

    def deploy(self, what: Callable[..., object], **arguments: object) -> dict[str, Changes]:
        """By node, the operations that changed it, each with its commands."""
        with ctx_inventory.use(self.state.inventory):
            self.state.current_stage = StateStage.Prepare
            for host in self.state.inventory.get_active_hosts():
                each = {
                    key: value(host) if callable(value) else value
                    for key, value in arguments.items()
                }
                add_deploy(self.state, what, host=host, **each)
            self.state.current_stage = StateStage.Execute
            self.state.is_executing = True
            run_ops(self.state)
        assert not self.state.failed_hosts
        active = self.state.inventory.get_active_hosts()
        return {host.data.node: list(changes_on(self.state, host)) for host in active}


def run(what: Callable[..., object], machine: Machine, node: str, /, **options: object) -> Changes:
    """Deploys on one machine; the operations that changed it, each with its commands."""
    return Pyinfra({node: machine}).deploy(what, **options)[node]
