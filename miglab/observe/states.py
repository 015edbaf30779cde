"""What one host says of the guest."""

from miglab.values import Value


class DomainState(Value):
    """``absent``, or libvirt's state, and whether the host keeps a definition of the guest."""

    host: str
    state: str
    persistent: bool = False

    @property
    def alive(self) -> bool:
        """Whether a QEMU process for the guest is there, running or not."""
        return self.state not in ("absent", "shut off", "crashed")
