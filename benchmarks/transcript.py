"""A command and when it said what: its phases are read from its own progress lines."""

import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from miglab.errors import LabError


@dataclass(frozen=True)
class Line:
    """One line, and how many seconds after the command's start it came."""

    seconds: float
    text: str


@dataclass(frozen=True)
class Transcript:
    """``started_ns`` is CLOCK_REALTIME; ``seconds`` is wall time until the command ended."""

    started_ns: int
    seconds: float
    code: int
    lines: tuple[Line, ...]

    def first(self, pattern: str) -> float | None:
        """When the first line matching ``pattern`` came."""
        found = (line.seconds for line in self.lines if re.search(pattern, line.text))
        return next(found, None)

    def phases(self, first: str, marks: Mapping[str, str]) -> dict[str, float]:
        """Seconds by phase: ``first``, then each whose mark (a pattern) begins it, in order.

        A phase whose mark did not come is left out; the one before it lasts on.
        """
        names, starts = [first], [0.0]
        for name, pattern in marks.items():
            moment = self.first(pattern)
            if moment is not None and moment >= starts[-1]:
                names.append(name)
                starts.append(moment)
        ends = [*starts[1:], self.seconds]
        return {n: end - start for n, start, end in zip(names, starts, ends, strict=True)}


def record(
    argv: list[str],
    *,
    env: Mapping[str, str],
    codes: tuple[int, ...] = (0,),
    beside: Callable[[], object] = lambda: None,
) -> Transcript:
    """Runs ``argv`` to its end; raises LabError for an exit code that is not in ``codes``.

    ``beside`` is called after every line, for what is to be observed meanwhile.
    """
    started_ns, began, lines = time.time_ns(), time.monotonic(), []
    with subprocess.Popen(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1,
    ) as process:  # fmt: skip
        for text in process.stdout or ():
            lines.append(Line(time.monotonic() - began, text.rstrip("\n")))
            beside()
    done = Transcript(started_ns, time.monotonic() - began, process.returncode, tuple(lines))
    if done.code not in codes:
        words = next(
            (line.text for line in reversed(lines) if line.text.strip()), "it said nothing"
        )
        raise LabError(f"{' '.join(argv)}: ended with {done.code}: {words}")
    return done
