"""libvirt's own measurement of how fast the guest dirties its memory."""

import libvirt

from miglab.migration.hypervisor import Hypervisor
from miglab.observe.events import DirtyRate

PERIOD_SECONDS = 1  # QEMU measures in whole seconds
MEASURED = 2  # libvirt-domain.h: VIR_DOMAIN_DIRTYRATE_MEASURED
MIB = 1 << 20


class DirtyRateMeter:
    """Started while the guest is at home; what it measures is there a second later, until it moves.

    By sampling of pages: other ways need hardware virtualisation, and end an emulating QEMU 7.2.
    """

    def __init__(self, host: Hypervisor, guest: str) -> None:
        self.measured: DirtyRate | None = None
        self._host = host
        self._domain = host.domain(guest)
        try:
            if self._domain is not None:
                self._domain.startDirtyRateCalc(PERIOD_SECONDS, 0)
        except libvirt.libvirtError:  # then there is no such figure: nothing depends on it
            self._domain = None

    def look(self) -> None:
        """Takes the figure, if it is there now."""
        if self._domain is None or self.measured is not None:
            return
        try:
            found = self._host.connection.domainListGetStats(
                [self._domain], libvirt.VIR_DOMAIN_STATS_DIRTYRATE
            )
        except libvirt.libvirtError:
            return
        figures = found[0][1] if found else {}
        rate = figures.get("dirtyrate.megabytes_per_second")
        if figures.get("dirtyrate.calc_status") == MEASURED and rate is not None:
            period_s = figures.get("dirtyrate.calc_period", PERIOD_SECONDS)
            self.measured = DirtyRate(bytes_per_s=rate * MIB, period_s=period_s)
