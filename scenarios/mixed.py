"""What scenarios of hosts that are not alike do to them, and undo."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from miglab.deadline import Deadline
from miglab.guest.domain import Platform, domain_xml, newest_common_machine
from miglab.guest_life import first_answer, fleet, stop_guest
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from scenarios.faults import PATIENCE, RESTART

SETTLED_BYTES = 8 << 20
CONF = "/etc/libvirt/qemu.conf"
PRIVILEGED = (
    f"cp -p {CONF} {CONF}.before"
    f" && sed -i -E '/^(user|group) *=/d' {CONF}"
    f' && printf \'user = "root"\\ngroup = "root"\\nclear_emulator_capabilities = 0\\n\' >> {CONF}'
    f" && {{ {RESTART}; }}"
)
RESTORED = f"mv {CONF}.before {CONF} && {{ {RESTART}; }}"


def start_with_newest_machine(lab: EmbeddedLab, node: str) -> str:
    """The guest starts anew on ``node`` with a machine type that this host need not share."""
    stop_guest(lab)
    pool = lab.topology.share.path.name
    with fleet(lab) as hosts:
        host = hosts.hosts[node]
        machine = newest_common_machine([host.capabilities()])
        assert machine is not None
        pooled = all(each.has_pool(pool) for each in hosts.hosts.values())
        platform = Platform(acceleration="qemu", machine=machine, pooled=pooled)
        host.start(domain_xml(lab.topology, platform))
    first_answer(lab)
    return machine


@contextmanager
def privileged_qemu(lab: EmbeddedLab, node: str) -> Iterator[None]:
    """QEMU on ``node`` runs as root while the block does.

    Before QEMU 8.0 post-copy needs userfaultfd for faults of the kernel too, which a careful
    kernel gives to the privileged only.
    """
    on_node(lab.place, node, PRIVILEGED, seconds=PATIENCE)
    try:
        yield
    finally:
        on_node(lab.place, node, RESTORED, seconds=PATIENCE)


def connections_cut(lab: EmbeddedLab, node: str) -> Callable[[], None]:
    """The TCP connections of a post-copy from ``node`` break, once it is well under way.

    Not at once: a target whose libvirt has not begun to wait for the last page may miss it.
    """
    network = lab.topology.network.subnet

    def deed() -> None:
        with fleet(lab) as hosts:
            domain = hosts.hosts[node].connection.lookupByName(hosts.guest)
            begun = domain.jobStats()["memory_processed"]
            Deadline(30).until(
                lambda: domain.jobStats()["memory_processed"] >= begun + SETTLED_BYTES,
                lambda: AssertionError(f"{node}: its post-copy does not get on"),
            )
        them = f"dst {network} dport '>=' 49152"
        left = on_node(lab.place, node, f"ss -K {them} >/dev/null; ss -Htn {them}")
        assert not left.strip(), f"{node}: connections that cannot be cut: {left}"

    return deed
