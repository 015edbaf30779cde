"""What several runs in one lab share: connections to its hosts, and what does not change."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from miglab import __version__
from miglab.guest import acceleration
from miglab.guest_life import control, fleet
from miglab.lab.access import on_node
from miglab.lab.lab import Lab
from miglab.observe.history import Environment


class Session:
    """Open connections, for one run after another; what was lost meanwhile is opened anew."""

    def __init__(self, lab: Lab) -> None:
        """Raises LabError when the lab is not up, or a host's libvirt does not answer."""
        lab.require_up()
        self.lab = lab
        self.fleet = fleet(lab)
        self.line = control(lab)
        self._environment: Environment | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.line.close()
        self.fleet.close()

    @classmethod
    @contextmanager
    def of(cls, lab: Lab, shared: Self | None) -> Iterator[Self]:
        """The one that is ``shared``, with all its connections, or one for the block alone."""
        if shared is None:
            with cls(lab) as own:
                yield own
        else:
            lab.require_up()
            if shared.fleet.renew():
                shared._environment = None
            yield shared

    @property
    def environment(self) -> Environment:
        """Of this lab; versions and acceleration are asked for again when a host was lost."""
        if self._environment is None:
            self._environment = self._ask()
        kind = self.fleet.acceleration_of(self.fleet.home())
        return self._environment.model_copy(update={"acceleration": kind})

    def _ask(self) -> Environment:
        lab, fleet = self.lab, self.fleet
        found = fleet.accelerations(lambda node, text: on_node(lab.place, node, text))
        return Environment(
            miglab=__version__,
            lab=lab.place.name,
            origin=lab.origin,
            acceleration="",
            acceleration_reason=acceleration.reasons(found),
            pace=lab.pace,
            hosts={
                node.name: {"os": lab.system(node), **fleet.hosts[node.name].versions()}
                for node in lab.topology.hypervisors
            },
            addresses={node.name: str(node.address) for node in lab.topology.nodes},
        )
