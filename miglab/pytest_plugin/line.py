"""The line to the guest that a whole session uses."""

import socket

from miglab.errors import LabError
from miglab.guest.control import GuestControl
from miglab.guest_life import start_guest
from miglab.lab.lab import Lab
from miglab.observe import echo

ANSWER_SECONDS = 1.0


class Line(GuestControl):
    """It outlives the guest, and the lab's network, which ``up`` may have to make anew."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(_channel(lab), lab.topology.guest.address)
        self._lab = lab

    def answers(self) -> bool:
        """Whether the guest does, soon: our program in it, or without that, to ping."""
        guest = self._lab.topology.guest
        try:
            if guest.ours:
                return bool(self.status(ANSWER_SECONDS))
            with self._lab.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as channel:
                return echo.answers(channel, guest.address)
        except LabError:  # a GuestError is one
            return False

    def ensure_running(self) -> None:
        """Starts a guest that does not run; raises GuestError when it then does not answer."""
        if not self.answers():
            self._channel.close()
            self._channel = _channel(self._lab)
            start_guest(self._lab, lambda _: None)


def _channel(lab: Lab) -> socket.socket:
    return lab.socket(socket.AF_INET, socket.SOCK_DGRAM)
