"""What one host says of the guest, or that it says nothing."""

from miglab.values import Value

BROKEN_OFF = "post-copy failed"


class DomainState(Value):
    """``absent``, ``unreachable`` (the host did not say), or libvirt's state of the guest.

    ``post-copy failed``: one half of it, which waits for what only the other half has.

    ``persistent``: the host keeps a definition of the guest.
    """

    host: str
    state: str
    persistent: bool = False

    @property
    def alive(self) -> bool:
        """Whether a QEMU process for the guest is there, running or not."""
        return self.known and self.state not in ("absent", "shut off", "crashed")

    @property
    def known(self) -> bool:
        """Whether the host could be asked."""
        return self.state != "unreachable"

    @property
    def left_over(self) -> bool:
        """Whether the host keeps a definition of a guest that does not run there."""
        return self.known and not self.alive and self.state != "absent"
