"""How the guest is moved, and what of it may be noticed."""

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, Field, PositiveInt, ValidationError, model_validator

from miglab.declaration import problems_of
from miglab.errors import UsageError
from miglab.policy_name import name_of, values_of
from miglab.values import Rate, Size, Value

Compression = Literal["none", "xbzrle", "zlib", "zstd"]
DEFAULT_BANDWIDTH = ByteSize(128 << 20)
MIB = 1 << 20  # libvirt counts bandwidth in whole MiB/s
DOWNTIME_MS = 300  # QEMU's own limit, where none is set
DOWNTIME_MS_MAX = 2_000_000  # QEMU takes no higher limit


def _whole_mib(bandwidth: ByteSize) -> ByteSize:
    if bandwidth % MIB or not 0 < bandwidth < 1 << 63:
        raise ValueError("expected whole MiB/s, at least 1MiB/s")
    return bandwidth


def _power_of_two(size: ByteSize) -> ByteSize:
    if size < 1 << 20 or size & (size - 1) or size >= 1 << 63:
        raise ValueError("expected a power of two, at least 1MiB")
    return size


Bandwidth = Annotated[Rate, AfterValidator(_whole_mib)]
"""Bytes per second, as fine as libvirt can be told: 0 would mean without any bound."""
Percent = Annotated[int, Field(ge=1, le=99)]
"""QEMU throttles by 1 to 99 percent."""


class Policy(Value):
    """One way of migrating; bandwidth is always stated, since QEMU's own default has varied.

    ``streams`` 0 means the one classic connection; more means multifd. ``downtime_ms_max`` is
    QEMU's limit for the last stop, not a promise. Post-copy is switched to after so many passes
    over memory, or after so many milliseconds if they are given. ``copy_storage`` takes the disk
    along, which then must not be shared. What is None is left to QEMU.
    """

    mode: Literal["precopy", "postcopy", "offline"] = "precopy"
    postcopy_after_rounds: Annotated[int, Field(ge=1, le=1000)] = 1
    postcopy_after_ms: Annotated[int, Field(ge=1, le=3_600_000)] | None = None
    auto_converge: bool = False
    auto_converge_initial_pct: Percent | None = None
    auto_converge_increment_pct: Percent | None = None
    dirty_limit: bool = False
    streams: Annotated[int, Field(ge=0, le=16)] = 0
    zero_copy: bool = False
    compression: Compression = "none"
    xbzrle_cache: Annotated[Size, AfterValidator(_power_of_two)] | None = None
    bandwidth: Bandwidth = DEFAULT_BANDWIDTH
    bandwidth_postcopy: Bandwidth | None = None
    downtime_ms_max: Annotated[int, Field(ge=1, le=DOWNTIME_MS_MAX)] | None = None
    tls: bool = False
    peer_to_peer: bool = False
    tunnelled: bool = False
    copy_storage: Literal["none", "full", "incremental"] = "none"
    persist_target: bool = True
    undefine_source: bool = True

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for expected, holds in RULES:
            if not holds(self):
                raise ValueError(f"expected {expected}")
        return self

    @classmethod
    def named(cls, name: str, **options: object) -> Self:
        """The policy of that name with what is given of ``options``; UsageError if impossible."""
        given = {key: value for key, value in options.items() if value is not None}
        try:
            return cls.model_validate({**values_of(name), **given})
        except ValidationError as error:
            problems = [line.removeprefix("the file: ") for line in problems_of(error)]
            raise UsageError(f"--policy {name}: {'; '.join(problems)}") from None
        except ValueError as error:
            raise UsageError(f"--policy: {error}") from None

    @property
    def limit_ms(self) -> int:
        """QEMU's limit for the last stop, its own if none is set."""
        return self.downtime_ms_max or DOWNTIME_MS

    @property
    def last_stop_bytes(self) -> int:
        """What can be sent within it."""
        return self.bandwidth * self.limit_ms // 1000

    @property
    def unusual(self) -> frozenset[str]:
        """The fields that are not as always."""
        fields = type(self).model_fields
        return frozenset(key for key, value in self if value != fields[key].default)

    @property
    def name(self) -> str:
        """Derived from the values, and another for other values: ``multifd-2+zstd+64MiB/s``.

        :meth:`named` reads it back.
        """
        return name_of(dict(self), self.unusual)


def _sends_plainly(policy: Policy) -> bool:
    return not policy.streams and policy.compression == "none"


WITH_OFFLINE = {"mode", "peer_to_peer", "persist_target", "undefine_source"}
RULES: tuple[tuple[str, Callable[[Policy], bool]], ...] = (
    (
        "post-copy without streams and compression",
        lambda p: p.mode != "postcopy" or _sends_plainly(p),
    ),
    (
        "postcopy_after_rounds, postcopy_after_ms and bandwidth_postcopy with post-copy only",
        lambda p: (
            p.mode == "postcopy"
            or (p.postcopy_after_rounds, p.postcopy_after_ms, p.bandwidth_postcopy)
            == (1, None, None)
        ),
    ),
    (
        "one of postcopy_after_rounds and postcopy_after_ms",
        lambda p: p.postcopy_after_ms is None or p.postcopy_after_rounds == 1,
    ),
    (
        "auto_converge_initial_pct and auto_converge_increment_pct with auto_converge only",
        lambda p: (
            p.auto_converge
            or (p.auto_converge_initial_pct, p.auto_converge_increment_pct) == (None, None)
        ),
    ),
    ("dirty_limit without auto_converge", lambda p: not (p.dirty_limit and p.auto_converge)),
    (
        "streams with compression zlib and zstd",
        lambda p: p.compression not in ("zlib", "zstd") or p.streams > 0,
    ),
    ("xbzrle without streams", lambda p: p.compression != "xbzrle" or not p.streams),
    (
        "xbzrle_cache with compression xbzrle",
        lambda p: p.xbzrle_cache is None or p.compression == "xbzrle",
    ),
    (
        "zero_copy with streams, and without compression and tls",
        lambda p: not p.zero_copy or (p.streams > 0 and p.compression == "none" and not p.tls),
    ),
    (
        "tunnelled with peer_to_peer",
        lambda p: not p.tunnelled or p.peer_to_peer,
    ),
    (
        "tunnelled without post-copy, streams, compression, tls and copy_storage",
        lambda p: (
            not p.tunnelled
            or (
                p.mode == "precopy" and _sends_plainly(p) and not p.tls and p.copy_storage == "none"
            )
        ),
    ),
    (
        "offline with peer_to_peer, persist_target and undefine_source at most",
        lambda p: p.mode != "offline" or p.unusual <= WITH_OFFLINE,
    ),
)
"""What no migration can do, and what would be asked for in vain; each in words for people."""

NAMED = {
    policy.name: policy
    for policy in (
        Policy(),
        Policy(bandwidth=ByteSize(32 << 20)),
        Policy(downtime_ms_max=50),
        Policy(downtime_ms_max=2000),
        Policy(auto_converge=True),
        Policy(auto_converge=True, auto_converge_initial_pct=50, auto_converge_increment_pct=20),
        Policy(mode="postcopy"),
        Policy(mode="postcopy", postcopy_after_ms=300, bandwidth_postcopy=ByteSize(64 << 20)),
        Policy(streams=2),
        Policy(streams=4),
        Policy(streams=2, compression="zlib"),
        Policy(streams=2, compression="zstd"),
        Policy(compression="xbzrle"),
        Policy(tls=True),
        Policy(peer_to_peer=True),
        Policy(peer_to_peer=True, tunnelled=True),
        Policy(copy_storage="full"),
        Policy(copy_storage="incremental"),
        Policy(streams=2, zero_copy=True),
        Policy(dirty_limit=True),
        Policy(mode="offline"),
    )
}
"""Ways of moving that have scenarios of their own, by name."""


class Budget(Value):
    """What may be noticed: the network may be dark to a client for ``client_ms_max``."""

    client_ms_max: PositiveInt | None = None
