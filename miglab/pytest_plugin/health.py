"""A lab that breaks is healed once; if that fails, the first cause is told, and not once a test."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, cast

import pytest

from miglab.errors import GuestError, LabError, MiglabError
from miglab.pytest_plugin.deadline import bounded
from miglab.pytest_plugin.labs import make_ready
from miglab.pytest_plugin.options import SETUP_DEADLINE
from miglab.pytest_plugin.session import session, uses_lab

if TYPE_CHECKING:
    from miglab.lab.lab import Lab

WRONG = (Exception, pytest.fail.Exception)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: Any, request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Remembers the lab, or why there is none."""
    if fixturedef.argname != "lab":
        return (yield)
    known = session(request.config)
    try:
        made = yield
    except WRONG as error:
        known.cause = str(error) or type(error).__name__
        raise
    known.lab = cast("Lab", made)
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips where there is nothing to test with; a guest that a test left dead is started."""
    if not uses_lab(item):
        return
    known = session(item.config)
    if known.cause is not None:
        pytest.skip(f"the lab is lost: {known.cause}")
    if known.guest and "guest" in getattr(item, "fixturenames", ()):
        known.guest.ensure_running()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """An error of ours in a fixture is one line; after one of the lab's, the lab is looked at."""
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, MiglabError) and call.when != "call":
        call.excinfo = one_line(error)
    report = yield
    if report.failed and isinstance(error, LabError):
        report.sections += [("lab", said) for said in heal(item, error)]
    return report


def one_line(error: MiglabError) -> pytest.ExceptionInfo[BaseException]:
    """The same, without the way that led to it."""
    try:
        pytest.fail(str(error), pytrace=False)
    except pytest.fail.Exception as plain:
        return pytest.ExceptionInfo.from_exception(plain)


def heal(item: pytest.Item, error: LabError) -> Iterator[str]:
    """What had to be done, in words; what cannot be healed is the cause from now on."""
    known, seconds = session(item.config), float(item.config.getini(SETUP_DEADLINE))
    if known.lab is None or known.cause is not None:
        return
    try:
        with bounded(item.config, seconds):
            yield from _healed(known.lab, item.config, error)
    except (MiglabError, pytest.fail.Exception) as failure:
        known.cause = f"{error} (seen by {item.nodeid}; it could not be healed: {failure})"
        yield known.cause


def _healed(lab: "Lab", config: pytest.Config, error: LabError) -> Iterator[str]:
    if not (before := lab.status()).up:
        away = ", ".join(node.name for node in before.nodes if not node.reachable)
        make_ready(lab, config)
        if not lab.status().up:
            raise LabError("its nodes do not answer after `up`")
        yield f"{away}: did not answer; the lab was healed"
        return
    guest = session(config).guest
    if isinstance(error, GuestError) and guest and not guest.answers():
        from miglab.guest_life import start_guest, stop_guest

        stop_guest(lab)
        start_guest(lab, lambda _: None)
        yield "the guest did not answer; it was started anew"
