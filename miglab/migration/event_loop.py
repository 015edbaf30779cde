"""libvirt's event loop: one for the process, in a thread, before the first connection."""

import threading
from functools import cache

import libvirt


@cache
def ensure_event_loop() -> None:
    """Starts the loop once, and silences libvirt's printing of errors, which are raised anyway."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()

    def turn() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=turn, name="libvirt-events", daemon=True).start()
