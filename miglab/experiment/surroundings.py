"""What stands around a run, asked before it and after it: clocks, consoles, versions."""

from miglab.experiment.clocks import host_clocks
from miglab.experiment.session import Session
from miglab.lab.access import on_node
from miglab.lab.parallel import each
from miglab.observe import console
from miglab.observe.clocks import Clocks, drifted, setting_ns
from miglab.observe.console import Console


class Surroundings:
    """Asked once when made; what has changed since then is asked for at the end."""

    def __init__(self, session: Session) -> None:
        """Raises LabError when a host does not answer: nothing has been done yet."""
        self._lab = session.lab
        self._hosts = list(session.fleet.hosts)
        self._setting_ns = setting_ns()
        self._clocks = host_clocks(self._lab.place, self._hosts)
        self._consoles = each(self._console_size, self._hosts)
        self.environment = session.environment

    def _console_size(self, host: str) -> int:
        script = console.size_script(self._lab.topology.guest.name)
        return int(on_node(self._lab.place, host, script))

    def clocks(self) -> Clocks:
        """As they were during the run; raises NodeError when a host does not say."""
        now = host_clocks(self._lab.place, self._hosts)
        return Clocks(
            jump_ns=setting_ns() - self._setting_ns,
            hosts=tuple(drifted(*pair) for pair in zip(self._clocks, now, strict=True)),
        )

    def consoles(self) -> tuple[Console, ...]:
        """What each host's log of the guest's console grew by; raises NodeError as above."""
        guest = self._lab.topology.guest.name

        def read(host: str, size: int) -> Console:
            script = console.growth_script(guest, size)
            return Console(host=host, text=on_node(self._lab.place, host, script))

        pairs = list(zip(self._hosts, self._consoles, strict=True))
        return tuple(each(lambda pair: read(*pair), pairs))
