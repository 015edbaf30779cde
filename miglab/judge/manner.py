"""Whether the guest was moved in the way the policy says, by what passed on the wire.

A claim is made only of what the policy asks for and QEMU does not do anyway.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import NamedTuple

from miglab.errors import EvidenceError
from miglab.judge.evidence import NOT_RECORDED, Evidence
from miglab.judge.oracles.finding import State
from miglab.observe.passages import Connection, Traffic, WireRecord
from miglab.policy import DEFAULT_BANDWIDTH, Policy
from miglab.values import Value, size_text
from miglab.workload import PAGE

DATA_PORTS = range(49152, 49216)
"""Where QEMU listens for memory: libvirt's migration_port_min and _max."""
CAP_SLACK = 1.1
TENTHS, PACKET_BYTES = 10, 128 * PAGE
"""QEMU doles out its bandwidth in tenths of a second, and ends each with a whole page, or with a
whole packet of each multifd channel: two channels sent 74 and 76 MiB/s where 64 were allowed."""
BESIDE_BYTES_PER_S = 2 << 20
"""What the guest itself sends meanwhile: its journal, its beacon, its answers."""
LIVE_SECONDS_MIN = 0.5


class Shown(Value):
    """What a policy asked for, and whether it could be seen to have been so."""

    asked: str
    state: State
    detail: str


class Rate(NamedTuple):
    """Mean rate at which the source sent while the guest ran there."""

    bytes_per_s: float
    seconds: float


def shown(evidence: Evidence, policy: Policy) -> tuple[Shown, ...]:
    """Every claim there is to make; unknown where the wire was not recorded."""
    try:
        return tuple(_claims(evidence, policy))
    except EvidenceError as missing:
        asked = [asked for asked, wanted in _asked(policy).items() if wanted]
        return tuple(Shown(asked=each, state="unknown", detail=str(missing)) for each in asked)


def _asked(policy: Policy) -> dict[str, bool]:
    return {
        "streams": policy.streams > 0,
        "tunnelled": policy.tunnelled,
        "tls": policy.tls,
        "bandwidth": policy.bandwidth != DEFAULT_BANDWIDTH and policy.copy_storage == "none",
    }


def _claims(evidence: Evidence, policy: Policy) -> Iterator[Shown]:
    asked = _asked(policy)
    if not any(asked.values()):
        return
    begun, hello = connections(evidence, "begun"), connections(evidence, "hello")
    if asked["streams"]:
        wanted = policy.streams + 1  # and the one that all begins with
        yield _shown("streams", begun >= wanted, f"{begun} connections, expected {wanted}")
    if asked["tunnelled"]:
        detail = f"{begun} connections besides libvirt's own, expected none"
        yield _shown("tunnelled", begun == 0, detail)
    if asked["tls"]:
        yield _shown("tls", 0 < begun <= hello, f"{hello} of {begun} connections began with TLS")
    if asked["bandwidth"]:
        yield _capped(rate(evidence), policy)


def _shown(asked: str, so: bool, detail: str) -> Shown:
    return Shown(asked=asked, state="intact" if so else "broken", detail=detail)


def _capped(found: Rate, policy: Policy) -> Shown:
    last_packets = TENTHS * PACKET_BYTES * policy.streams
    limit = CAP_SLACK * policy.bandwidth + BESIDE_BYTES_PER_S + last_packets
    detail = (
        f"{found.bytes_per_s / (1 << 20):.1f} MiB/s over {found.seconds:.1f} s,"
        f" allowed {size_text(policy.bandwidth)}/s"
    )
    if found.seconds < LIVE_SECONDS_MIN:
        return Shown(asked="bandwidth", state="unknown", detail=f"{detail}: too short to tell")
    return _shown("bandwidth", found.bytes_per_s <= limit, detail)


def connections(evidence: Evidence, what: str) -> int:
    """How many that carry memory were begun, or began with TLS, from source to target."""
    return len(list(_connections(evidence, what)))


def _connections(evidence: Evidence, what: str) -> Iterator[Connection]:
    source, target = (_address(evidence, host) for host in (evidence.source, evidence.target))
    for seen in _wire(evidence).connections:
        during = evidence.started_ns <= seen.time_ns <= evidence.ended_ns
        between = (seen.client, seen.server) == (source, target) and seen.port in DATA_PORTS
        if during and between and seen.what == what:
            yield seen


def rate(evidence: Evidence) -> Rate:
    """From the first connection, or libvirt's beginning, to the stop; by the switch's counters.

    Raises EvidenceError when the wire was not recorded.
    """
    begun = min((seen.time_ns for seen in _connections(evidence, "begun")), default=None)
    since = begun or evidence.started_ns
    until = min((stop.from_ns for stop in evidence.stops), default=evidence.ended_ns)
    samples = [sample for sample in _traffic(evidence) if since <= sample.time_ns <= until]
    if len(samples) < 2:
        return Rate(0.0, 0.0)
    seconds = (samples[-1].time_ns - samples[0].time_ns) / 1e9
    return Rate((samples[-1].received - samples[0].received) / seconds, seconds)


def _traffic(evidence: Evidence) -> list[Traffic]:
    return [sample for sample in _wire(evidence).traffic if sample.node == evidence.source]


def _wire(evidence: Evidence) -> WireRecord:
    wire = evidence.history.wire
    if wire is None or wire.version < 2:
        raise EvidenceError(NOT_RECORDED)
    if wire.dropped or not wire.complete:
        raise EvidenceError("the recording of the wire has gaps")
    return wire


def _address(evidence: Evidence, host: str) -> IPv4Address:
    """Raises EvidenceError for a host whose address the record does not tell."""
    if (address := evidence.history.environment.addresses.get(host)) is None:
        raise EvidenceError(f"the address of {host} is not in the record")
    return IPv4Address(address)
