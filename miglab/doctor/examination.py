"""All of it: ask, try if that is wanted, judge."""

from collections.abc import Callable, Iterable, Sequence

from miglab.doctor.deep import try_out
from miglab.doctor.diagnose import Diagnosis, diagnose
from miglab.doctor.facts import Facts
from miglab.doctor.gather import Host, Known, Shell, gather
from miglab.lab.guest_disk import disk_path
from miglab.policy import Policy
from miglab.topology import Topology

EMULATORS = ("/usr/bin/qemu-system-x86_64", "/usr/libexec/qemu-kvm")


def examined(
    shell: Shell,
    hosts: Sequence[Host],
    *,
    topology: Topology | None = None,
    policy: Policy | None = None,
    deep: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Facts:
    """What the hosts say; with ``deep`` also what came of trying, announced by ``say``."""
    known = Known()
    if topology is not None:
        ours = () if topology.guest.foreign else (str(disk_path(topology)),)
        images = (*ours, *EMULATORS)
        known = Known(share=str(topology.share.path), images=images)
    facts = Facts(hosts=gather(shell, hosts, known), topology=topology, policy=policy)
    return try_out(shell, facts, say) if deep else facts


def health(facts: Facts, only: Iterable[str] = ()) -> Diagnosis:
    """What is wrong; ``only`` some checks, by identifier."""
    return diagnose(facts, only)
