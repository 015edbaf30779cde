"""What the fixtures are to the tests that ask for them, for annotations; nothing is imported."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from miglab.judge.verdict import Verdict
    from miglab.policy import Budget
    from miglab.scenario import Scenario

    Deed = Callable[[], Any] | Sequence[str]


class Migrate(Protocol):
    """Moves the guest by our own hand; ``settings`` are those of experiment.setting.Setting."""

    def __call__(self, scenario: "Scenario", **settings: Any) -> "Verdict":
        """The verdict on one run."""


class Watch(Protocol):
    """Observes what a deed does to the guest: a function, or the words of a command."""

    def __call__(
        self, deed: "Deed", *, budget: "Budget | None" = None, **settings: Any
    ) -> "Verdict":
        """The verdict on one run."""


class Recorded(Protocol):
    """Judges a recorded run, and notes it for the test that runs now."""

    def __call__(self, folder: Path) -> "Verdict":
        """The verdict on the run in ``folder``."""


class Unsupported(Protocol):
    """Ends a test of a policy that libvirt or QEMU cannot do here, for a ``reason`` of theirs."""

    def __call__(self, policy_name: str, reason: str) -> NoReturn:
        """Skips; or fails, if the policy was asked for by name."""
