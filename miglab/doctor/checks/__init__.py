"""The checks, in the order in which a migration would meet what they look for."""

from miglab.doctor.checks import (
    access,
    clocks,
    disks,
    identity,
    iscsi,
    leftovers,
    machine,
    names,
    network,
    nfs,
    processor,
    trials,
    trust,
    ways,
)
from miglab.doctor.finding import Check

CHECKS: tuple[Check, ...] = (
    *names.CHECKS,
    *trust.CHECKS,
    *identity.CHECKS,
    *nfs.CHECKS,
    *iscsi.CHECKS,
    *access.CHECKS,
    *disks.CHECKS,
    *processor.CHECKS,
    *machine.CHECKS,
    *network.CHECKS,
    *leftovers.CHECKS,
    *ways.CHECKS,
    *clocks.CHECKS,
    *trials.CHECKS,
)
