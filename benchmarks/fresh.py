"""From a fresh checkout to a verdict: ``make lab`` in a clone, nothing cached but apt's own."""

import os
from pathlib import Path

from benchmarks.bench import ROOT
from benchmarks.figure import Figure
from benchmarks.transcript import Transcript, record
from miglab.errors import UsageError

LAB = "bench-fresh"
MINUTES_5 = 300.0
PHASES = {
    "python environment": "making .venv",
    "pyinfra starts": "pyinfra inventories",
    "images": "building the image",
    "nodes": "booting",
    "deploy": "Preparing operation files",
    "guest": "miglab guest start",
    "migrate, judge": "miglab migrate",
}
VERDICTS = (0, 2)  # make's own code for whatever failed below it; the verdict is in its lines


def fresh(directory: Path) -> Figure:
    """Clones into ``directory``, which must not exist, and leaves clone and images there.

    podman gets a store of its own below it, so images are built without removing anybody's.
    """
    if directory.exists():
        raise UsageError(f"--fresh: {directory} exists; expected a directory that does not")
    directory.mkdir(parents=True)
    cloned = record(["git", "clone", "-q", str(ROOT), str(directory / "clone")], env=os.environ)
    env = _environment(directory)
    make = ["make", "-C", str(directory / "clone")]
    try:
        done = record([*make, "lab"], env=env, codes=VERDICTS)
    finally:
        record([*make, "down"], env=env, codes=VERDICTS)
    parts = {"clone": cloned.seconds} | done.phases("machine's packages", PHASES)
    return Figure(
        name="fresh",
        what=f"fresh checkout to verdict ({_verdict(done)}); machine's packages as they were",
        unit="s",
        target=MINUTES_5,
        values=(cloned.seconds + done.seconds,),
        parts={name: (seconds,) for name, seconds in parts.items()},
    )


def _verdict(done: Transcript) -> str:
    words = [line.text.split(" ")[0] for line in done.lines]
    return next((word for word in words if word in {"PASS", "FAIL", "UNKNOWN"}), "none")


def _environment(directory: Path) -> dict[str, str]:
    root = directory.resolve()
    storage = root / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{root}/store"\nrunroot = "{root}/run"\n'
    )
    return {
        **os.environ,
        "CONTAINERS_STORAGE_CONF": str(storage),
        "MIGLAB_STATE": str(root / "state"),
        "MIGLAB_LAB": LAB,
        "PIP_NO_CACHE_DIR": "1",
        "PYTHONUNBUFFERED": "1",
    }
