"""The folder of one run: made before anything is done, and gone again if nothing came of it."""

from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from miglab.errors import LabError
from miglab.observe.history import Plan


def new_folder(out: Path, plan: Plan) -> Path:
    """An empty folder below ``out`` that tells when and what; LabError if there can be none."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    where = f"{plan.source}-{plan.target}" if plan.target else plan.source
    name = f"{stamp}-{plan.scenario.name}-{where}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    try:
        return next(folder for folder in map(out.joinpath, names) if _made(folder))
    except OSError as error:
        raise LabError(f"{out / name}: the record cannot be written: {error.strerror}") from None


def _made(folder: Path) -> bool:
    """Whether it is new: another process may have been quicker."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    return True


def remove_unused(folder: Path) -> None:
    """What recorders began to write of an act that did not come about."""
    for file in folder.glob("*.csv"):
        file.unlink()
    with suppress(OSError):
        folder.rmdir()
