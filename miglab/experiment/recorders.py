"""One recorder for each vantage on the network, started together and stopped together."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from miglab.experiment.setting import Setting
from miglab.guest.control import PORT, GuestControl
from miglab.lab.lab import Lab
from miglab.observe import recorder
from miglab.observe.history import record_file
from miglab.observe.recorder import Recorder


class Recorders:
    """The recorders of one run in ``lab``; ``guest`` is None where our program is not in it."""

    def __init__(
        self, lab: Lab, setting: Setting, guest: GuestControl | None, folder: Path
    ) -> None:
        self.lab, self.setting, self.guest, self.folder = lab, setting, guest, folder
        self.started: list[Recorder] = []
        self.faults: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """They all record while the block runs; raises LabError when one cannot start."""
        with ExitStack() as sockets:
            try:
                for start in self._wanted():
                    self.started.append(start(sockets))
                for recorder in self.started:
                    recorder.ready()
                yield
            finally:
                for recorder in self.started:
                    recorder.finish()
                faults = [recorder.stop() for recorder in self.started]
                self.faults += [fault for fault in faults if fault]

    def _wanted(self) -> Iterator[Callable[[ExitStack], Recorder]]:
        records = self.setting.records
        if records("client"):
            yield self._ping
        if records("stream") and self.guest:
            yield self._stream
        if records("guest") and self.guest:
            yield self._beacon
        if records("wire") and self.lab.has_switch:
            yield self._wire
        elif records("wire"):
            self.setting.say("wire: not recorded, for there is no switch of ours between the hosts")

    def _file(self, name: str) -> Path:
        return record_file(self.folder, name)

    def _socket(self, sockets: ExitStack, *kind: int) -> socket.socket:
        return sockets.enter_context(self.lab.socket(*kind))

    def _ping(self, sockets: ExitStack) -> Recorder:
        channel = self._socket(sockets, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        address = self.lab.topology.guest.address
        return recorder.ping(channel, address, self.setting.ping_interval_ms, self._file("ping"))

    def _stream(self, _: ExitStack) -> Recorder:
        peer = (self.lab.topology.guest.address, PORT)
        namespace, interval_ms = self.lab.namespace, self.setting.stream_interval_ms
        return recorder.stream(namespace, peer, interval_ms, self._file("stream"))

    def _beacon(self, sockets: ExitStack) -> Recorder:
        """The recorder listens before the guest is told to send."""
        channel = self._socket(sockets, socket.AF_INET, socket.SOCK_DGRAM)
        channel.bind((str(self.lab.client_address), 0))
        listening = recorder.beacon(channel, self.setting.beacon_hz, self._file("beacon"))
        if self.guest is not None:
            self.guest.set_beacon(self.setting.beacon_hz, channel.getsockname())
        return listening

    def _wire(self, _: ExitStack) -> Recorder:
        topology = self.lab.topology
        return recorder.wire(
            self.lab.namespace,
            topology.guest.mac,
            topology.storage.address,
            [node.name for node in topology.nodes],
            self._file("wire"),
            topology.share.kind,
        )
