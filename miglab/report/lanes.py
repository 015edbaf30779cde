"""What happened at single moments, a lane for each source: events, rounds, writes and so on."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from miglab.judge.verdict import Verdict
from miglab.judge.wire import Announced
from miglab.observe.clocks import Clocks
from miglab.observe.events import Event, Progress
from miglab.observe.history import History

SYMBOLS = {"STOP": "square", "RESUME": "triangle-right"}
TICK = "line-ns-open"


class Mark(NamedTuple):
    """One moment (CLOCK_REALTIME of ours, ns), in words, and how it is drawn."""

    time_ns: int
    text: str
    symbol: str = TICK


class Lane(NamedTuple):
    """Marks of one source; ``vantage`` decides the colour."""

    name: str
    vantage: str
    marks: tuple[Mark, ...]


def lanes(history: History, verdict: Verdict) -> tuple[Lane, ...]:
    """Those that have marks, and those of events even when they have none."""
    clocks = history.clocks or Clocks()
    by_qemu = [event for event in history.events if event.vantage == "qemu"]
    by_libvirt = [event for event in history.events if event.vantage == "libvirt"]
    return (
        Lane("QEMU", "vcpu", tuple(_events(by_qemu, clocks))),
        # libvirt's are stamped by us, when they reach us.
        Lane("libvirt", "job", tuple(_events(by_libvirt, Clocks()))),
        *_filled("rounds", "job", _rounds(history.progress)),
        *_filled("announced", "client", map(_announced, verdict.announced)),
        *_written(history),
    )


def _filled(name: str, vantage: str, marks: Iterable[Mark]) -> Iterator[Lane]:
    if found := tuple(marks):
        yield Lane(name, vantage, found)


def _events(events: Iterable[Event], clocks: Clocks) -> Iterator[Mark]:
    for event in events:
        text = " ".join(filter(None, [event.name, event.detail, "on", event.host]))
        yield Mark(clocks.ours_ns(event.host, event.time_ns), text, SYMBOLS.get(event.name, TICK))


def _rounds(progress: Iterable[Progress]) -> Iterator[Mark]:
    """Where the round or the throttle changed."""
    for (number, throttle), moments in groupby(progress, lambda it: (it.iteration, it.throttle)):
        throttled = f", throttled {throttle} %" if throttle else ""
        yield Mark(next(moments).time_ns, f"round {number}{throttled}")


def _announced(seen: Announced) -> Mark:
    after = seen.after_resume_ms
    when = "" if after is None else f", {after:.1f} ms after RESUME"
    return Mark(seen.time_ns, f"{seen.kind} by {seen.host}{when}", "triangle-up")


def _written(history: History) -> Iterator[Lane]:
    """A lane for each client of the share's server."""
    hosts = {address: host for host, address in history.environment.addresses.items()}
    by_client: dict[str, list[Mark]] = {}
    for write in history.wire.writes if history.wire else ():
        host = hosts.get(str(write.client), str(write.client))
        mark = Mark(write.time_ns, f"{write.count} bytes at {write.offset}")
        by_client.setdefault(host, []).append(mark)
    for host, marks in by_client.items():
        yield Lane(f"I/O {host}", "disk", tuple(marks))
