"""How the guest is moved, and what of it may be noticed."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ByteSize, Field, PositiveInt, ValidationError, model_validator

from miglab.declaration import problems_of
from miglab.errors import UsageError
from miglab.values import Rate, Value, size_text

Compression = Literal["none", "xbzrle", "zlib", "zstd"]
DEFAULT_BANDWIDTH = ByteSize(128 << 20)
MIB = 1 << 20  # libvirt counts bandwidth in whole MiB/s
DOWNTIME_MS_MAX = 2_000_000  # QEMU takes no higher limit


def _whole_mib(bandwidth: ByteSize) -> ByteSize:
    if bandwidth % MIB or not 0 < bandwidth < 1 << 63:
        raise ValueError("expected whole MiB/s, at least 1MiB/s")
    return bandwidth


Bandwidth = Annotated[Rate, AfterValidator(_whole_mib)]
"""Bytes per second, as fine as libvirt can be told: 0 would mean without any bound."""


class Policy(Value):
    """One way of migrating; bandwidth is always stated, since QEMU's own default has varied.

    ``streams`` 0 means the one classic connection; more means multifd. ``downtime_ms_max`` is
    QEMU's limit for the last stop, not a promise.
    """

    mode: Literal["precopy", "postcopy"] = "precopy"
    auto_converge: bool = False
    streams: Annotated[int, Field(ge=0, le=16)] = 0
    compression: Compression = "none"
    bandwidth: Bandwidth = DEFAULT_BANDWIDTH
    downtime_ms_max: Annotated[int, Field(ge=1, le=DOWNTIME_MS_MAX)] | None = None
    peer_to_peer: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.mode == "postcopy" and (self.streams or self.compression != "none"):
            raise ValueError("expected post-copy without streams and compression")
        if self.compression in ("zlib", "zstd") and not self.streams:
            raise ValueError(f"expected streams with compression {self.compression}")
        if self.compression == "xbzrle" and self.streams:
            raise ValueError("expected xbzrle without streams")
        return self

    @classmethod
    def chosen(cls, name: str, **options: object) -> Self:
        """The policy of that name with what is given of ``options``; UsageError if impossible."""
        given = {key: value for key, value in options.items() if value is not None}
        try:
            return cls.model_validate({**named(name).model_dump(), **given})
        except ValidationError as error:
            raise UsageError(f"--policy {name}: {'; '.join(problems_of(error))}") from None

    @property
    def name(self) -> str:
        """Derived from the values, and another for other values: ``multifd-2+zstd+64MiB/s``."""
        parts = [_base(self)]
        if self.auto_converge:
            parts = ["auto-converge"] if parts == ["precopy"] else [*parts, "auto-converge"]
        if self.compression in ("zlib", "zstd"):
            parts.append(self.compression)
        if self.bandwidth != DEFAULT_BANDWIDTH:
            parts.append(f"{size_text(self.bandwidth)}/s")
        if self.downtime_ms_max:
            parts.append(f"limit{self.downtime_ms_max}ms")
        if self.peer_to_peer:
            parts.append("p2p")
        return "+".join(parts)


def _base(policy: Policy) -> str:
    if policy.streams:
        return f"multifd-{policy.streams}"
    return "compressed" if policy.compression == "xbzrle" else policy.mode


NAMED = {
    "precopy": Policy(),
    "postcopy": Policy(mode="postcopy"),
    "auto-converge": Policy(auto_converge=True),
    "multifd": Policy(streams=2),
    "multifd-zstd": Policy(streams=2, compression="zstd"),
    "compressed": Policy(compression="xbzrle"),
}


def named(name: str) -> Policy:
    """The policy of that name; raises UsageError with all the names there are."""
    if name not in NAMED:
        raise UsageError(f"--policy: expected one of {', '.join(NAMED)}, found {name!r}")
    return NAMED[name]


class Budget(Value):
    """What may be noticed: the network may be dark to a client for ``client_ms_max``."""

    client_ms_max: PositiveInt | None = None
