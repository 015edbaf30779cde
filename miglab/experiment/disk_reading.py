"""The guest's journal as it lies on its disk, read by a host and not by the guest."""

import base64
import binascii

from miglab.errors import EvidenceError
from miglab.guest import local_disk
from miglab.lab.access import on_node
from miglab.lab.guest_disk import disk_path
from miglab.lab.lab import Lab
from miglab.observe import journal
from miglab.observe.journal import JournalReading

COPY = f"{local_disk.DIRECTORY}/journal.raw"


def read_journal(lab: Lab, home: str, first: int, last: int, slots: int) -> JournalReading:
    """Records ``first`` to ``last``: from the share by the storage node, or by ``home``.

    It is the guest's ``home`` that has a disk which lies on one host alone. Raises NodeError when
    the host cannot read, EvidenceError when it read garbage.
    """
    topology = lab.topology
    if topology.guest.storage == "local":
        node, image = home, COPY
        reading = journal.read_script(image, first, last, slots)
        script = f"{local_disk.raw_copy(topology, COPY)} && {reading}; rm -f {COPY}"
    else:
        node, image = topology.storage.name, str(disk_path(topology))
        script = journal.read_script(image, first, last, slots)
    text = on_node(lab.place, node, script)
    try:
        return journal.reading(first, last, slots, base64.b64decode(text))
    except binascii.Error as error:
        raise EvidenceError(f"{node}: {image}: read as garbage: {error}") from None
