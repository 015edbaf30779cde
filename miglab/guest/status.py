"""What the guest says of itself; see docs/reference/payload.md."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Heard(BaseModel):
    """A part of the guest's answer; later versions of it may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Mismatch(Heard):
    """The first page that was not what it had to be."""

    page: int
    version: int
    word: int
    expected: str
    found: str


class Swept(Heard):
    """The last sweep of this region; ``digest`` is of all pages as they were found."""

    sweep: int
    region_written: int
    digest: str


class LoadStatus(Heard):
    """The load: rates in bytes per second, counts since boot; ``computed`` counts rounds."""

    state: Literal["off", "filling", "running"]
    working_set: int
    rate: int | str
    pattern: str
    compressibility_pct: int
    zero_pct: int | None = None
    seed: int
    cpus: int | None = None
    pages: int
    written: int
    verified: int
    mismatches: int
    first_mismatch: Mismatch | None
    sweeps: int
    swept: Swept | None = None
    achieved_bps: int
    computed: int | None = None


class JournalStatus(Heard):
    """The disk journal: ``acked`` is the last number whose write the device confirmed."""

    state: Literal["off", "running", "none"]
    hz: int
    acked: int
    slots: int
    errors: int
    errno: int
    max_latency_us: int
    latency_log2_us: tuple[int, ...]


class BeaconStatus(Heard):
    """The beacon: datagrams since its last start."""

    state: Literal["off", "running"]
    hz: int
    sent: int
    errors: int


class KernelLog(Heard):
    """How many lines of the kernel's log tell of trouble, and the first of them."""

    bad: int
    first: str


class GuestStatus(Heard):
    """One answer of the guest; what an older guest did not say is None.

    Times in nanoseconds of the guest's own clocks.
    """

    version: int
    boot_id: str
    mono_ns: int
    wall_ns: int
    cpus: int
    mem_total_kib: int
    mem_free_kib: int
    load: LoadStatus
    journal: JournalStatus
    beacon: BeaconStatus | None = None
    kmsg: KernelLog
