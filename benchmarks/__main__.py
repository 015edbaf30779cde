"""``python -m benchmarks``: measures, prints, takes its lab down; a missed target is no failure."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import blackouts, doctor, memory, migrate, provisioning, recorders, scenarios
from benchmarks.bench import Bench
from benchmarks.figure import Figure
from benchmarks.fresh import fresh
from benchmarks.table import show
from miglab.errors import LabError, MiglabError

MEASURE: dict[str, Callable[[Bench, int], list[Figure]]] = {
    "up": lambda bench, runs: [provisioning.up(bench, runs)],
    "deploy": lambda bench, runs: [provisioning.deploy(bench, runs)],
    "migrate": migrate.migrate,
    "memory": memory.memory,
    "recorders": recorders.recorders,
    "blackouts": blackouts.blackouts,
    "scenarios": scenarios.scenarios,
    "doctor": doctor.doctor,
}


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(MEASURE), help="such as up,deploy")
    parser.add_argument("--runs", type=int, default=5, help="of each figure")
    parser.add_argument("--lab", default="bench", help="a lab of its own, taken down at the end")
    parser.add_argument("--fresh", type=Path, metavar="DIR", help="fresh checkout to verdict, too")
    parser.add_argument("--json", action="store_true", help="figures as one JSON array")
    chosen = parser.parse_args()
    chosen.only = [name for name in chosen.only.split(",") if name]
    if unknown := set(chosen.only) - set(MEASURE):
        parser.error(f"--only: expected {', '.join(MEASURE)}, found {', '.join(sorted(unknown))}")
    if chosen.runs < 1:
        parser.error(f"--runs: expected at least 1, found {chosen.runs}")
    return chosen


def measure(chosen: argparse.Namespace) -> Iterator[Figure]:
    """The figures as they come; afterwards the lab is gone, also after Ctrl-C."""
    bench = Bench(chosen.lab)
    try:
        for name in chosen.only:
            print(f"measuring {name}", file=sys.stderr)
            try:
                yield from MEASURE[name](bench, chosen.runs)
            except LabError as error:  # the others may be had all the same
                print(f"{name}: {error}", file=sys.stderr)
    finally:
        if chosen.only:
            bench.down()
    if chosen.fresh:
        print("measuring fresh", file=sys.stderr)
        yield fresh(chosen.fresh)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Figures on stdout; 2 or 4 when the lab could not be measured, 130 when interrupted."""
    chosen = options()
    signal.signal(signal.SIGTERM, _interrupt)
    figures: list[Figure] = []
    code = 0
    try:
        figures.extend(measure(chosen))
    except MiglabError as error:
        print(error, file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    if chosen.json:
        print(json.dumps([_plain(figure) for figure in figures], indent=1))
    else:
        show(figures)
        print(f"{os.cpu_count()} processors, load average at the end {os.getloadavg()[0]:.1f}")
    return code


def _plain(figure: Figure) -> dict[str, object]:
    return {**figure.model_dump(), "median": figure.median, "met": figure.met}


sys.exit(main())
