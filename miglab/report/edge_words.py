"""What was found of the convergence edge in words, the same in a terminal and on a page."""

from collections.abc import Iterator

from miglab.judge.edge import Answer
from miglab.judge.grid import Edge
from miglab.judge.promise import Promise
from miglab.report import words
from miglab.values import size_text
from miglab.workload import Load

HEADLINES = {
    "found": "EDGE FOUND",
    "never": "HELD",
    "always": "BROKEN",
    "unknown": "UNKNOWN",
}


def rate(load: Load) -> str:
    """As it was asked for."""
    return "max" if load.rate == "max" else f"{size_text(load.rate)}/s"


def promised(promise: Promise) -> str:
    """``dark for at most 100 ms, done within 4 s``."""
    dark, total = promise.client_ms_max, promise.total_ms_max
    parts = [f"dark for at most {dark} ms"] if dark else []
    return ", ".join([*parts, f"done within {total / 1000:g} s"] if total else parts)


def answered(answer: Answer) -> str:
    """The whole answer in a sentence or two."""
    size = size_text(answer.working_set)
    begun = f"{answer.policy.name}, {size} {answer.pattern}, {promised(answer.promise)}"
    return f"{begun}: {_rates(answer.rates)}{_model(answer.rates)}.{_working_sets(answer)}"


def asked(answer: Answer) -> Iterator[tuple[str, str]]:
    """The inputs, and where it ran."""
    yield "promise", promised(answer.promise)
    yield "policy", f"{answer.policy.name}, at most {size_text(answer.policy.bandwidth)}/s"
    limit = answer.policy.downtime_ms_max
    yield "limit of the last stop", f"{limit} ms" if limit else "QEMU's own"
    yield "load", f"{answer.pattern}, {size_text(answer.working_set)} at most"
    yield "migrations", str(len(answer.trials))
    if where := answer.environment:
        yield "lab", f"{where.lab}, {where.origin}"
        yield "acceleration", f"{words.acceleration(where)}: {where.acceleration_reason}"


def _rates(edge: Edge) -> str:
    held, broken = (rate(load) if load else "" for load in (edge.held, edge.broken))
    return {
        "found": f"held up to {held}, broken from {broken}",
        "never": f"held at every rate up to {held}",
        "always": f"broken already at {broken}, the lowest rate tried",
        "unknown": f"the edge is not known (held: {held or 'none'}, broken: {broken or 'none'},"
        " as far as was tried); too few trials, or too noisy ones",
    }[edge.state]


def _model(edge: Edge) -> str:
    held, broken = (
        rate(load) if load else "" for load in (edge.predicted_held, edge.predicted_broken)
    )
    if not held and not broken:
        return ""
    if not broken:
        return f"; the model has it held up to {held}"
    return f"; the model has it broken from {broken}"


def _working_sets(answer: Answer) -> str:
    edge = answer.working_sets
    if edge is None or edge.broken is None:
        return ""
    at, smallest = rate(edge.broken), size_text(edge.broken.working_set)
    less = size_text(edge.held.working_set) if edge.held else "none"
    return {
        "found": f" At {at} a working set of {smallest} breaks it, and {less} does not.",
        "always": f" At {at} even a working set of {smallest} breaks it, the smallest tried.",
        "never": "",
        "unknown": f" At {at} the smallest working set that breaks it is not known (held: {less},"
        f" broken: {smallest}, as far as was tried).",
    }[edge.state]
