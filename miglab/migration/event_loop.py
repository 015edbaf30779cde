"""libvirt's event loop: one for the process, in a thread, registered before the first connection."""

import threading
from functools import cache

import libvirt


@cache
def ensure_event_loop() -> None:
    """Starts the loop once. libvirt's own printing of errors is silenced: they are raised anyway."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()

    def turn() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=turn, name="libvirt-events", daemon=True).start()
