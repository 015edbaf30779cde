"""What Hypothesis may choose from to try a lab: loads, policies and budgets for a small guest.

Profiles (``--hypothesis-profile``): ``ci`` is few, the same every time and without a database;
``lab`` is more, and another each time; ``deep`` is for a night: it shrinks what fails to the
smallest load that still does, and keeps what it found.
"""

from typing import get_args

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import InvalidArgument
from pydantic import ByteSize

from miglab.policy import NAMED, Budget, Policy
from miglab.scenario import Scenario
from miglab.workload import Load, Pattern

MIB = 1 << 20
REPEATABLE = (Phase.explicit, Phase.generate)
FOUND = DirectoryBasedExampleDatabase(".hypothesis/examples")
"""Where Hypothesis would keep them by itself, but not where it takes itself to be in CI."""
PATIENT = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    verbosity=Verbosity.normal,
    derandomize=False,
    database=FOUND,
)
"""A migration takes seconds, and nothing that Hypothesis would say of that helps anybody."""
PROFILES = {
    "ci": settings(PATIENT, max_examples=32, derandomize=True, database=None, phases=REPEATABLE),
    "lab": settings(PATIENT, max_examples=100, phases=(Phase.reuse, *REPEATABLE)),
    "deep": settings(PATIENT, max_examples=1000, phases=tuple(Phase)),
}
QUICK = (
    *("precopy", "precopy+limit-2000ms", "auto-converge", "postcopy", "multifd-2", "multifd-4"),
    *("multifd-2+zstd", "xbzrle", "tls", "p2p"),
)
"""Policies that move a small guest in a few seconds without hardware virtualisation."""


def profile() -> settings:
    """The profile that was asked for by name, else ``ci``."""
    return PROFILES.get(settings.get_current_profile_name(), PROFILES["ci"])


def profile_seconds() -> float:
    """How long a test of the profile may take in all: a night, or one that CI waits for."""
    return 900.0 if profile() == PROFILES["ci"] else 12 * 3600.0


def register_profiles() -> None:
    """Makes the profiles known to ``--hypothesis-profile``."""
    for name, chosen in PROFILES.items():
        settings.register_profile(name, chosen)


def is_profile(name: str) -> bool:
    """Whether Hypothesis knows it."""
    try:
        settings.get_profile(name)
    except InvalidArgument:
        return False
    return True


def loads(working_set_max: int = 64 * MIB) -> st.SearchStrategy[Load]:
    """Loads that a guest of 256 MiB can bear, the smallest first."""
    return st.builds(
        Load,
        working_set=st.integers(1, working_set_max // (4 * MIB)).map(
            lambda n: ByteSize(4 * n * MIB)
        ),
        rate=st.sampled_from([*(ByteSize(rate * MIB) for rate in (0, 5, 20, 50)), "max"]),
        pattern=st.sampled_from(get_args(Pattern)),
        compressibility=st.sampled_from([0, 50, 90]),
        zero=st.sampled_from([0, 0, 25]),
        cpus=st.sampled_from([0, 0, 1]),
        seed=st.integers(1, 9),
    )


def policies(names: tuple[str, ...] = QUICK) -> st.SearchStrategy[Policy]:
    """One of the policies of those names."""
    return st.sampled_from([NAMED[name] for name in names])


def budgets() -> st.SearchStrategy[Budget]:
    """None, one that is easily kept, and one that nobody can keep."""
    return st.sampled_from([None, 60_000, 1]).map(lambda ms: Budget(client_ms_max=ms))


def scenarios() -> st.SearchStrategy[Scenario]:
    """Load × policy × budget, of which it can be foretold that the guest gets there."""
    built = st.builds(Scenario, load=loads(), policy=policies(), budget=budgets())
    return built.filter(_ends)


def _ends(scenario: Scenario) -> bool:
    """A load without bounds ends if it is overtaken, slowed down, or fits in the last stop."""
    load, policy = scenario.load, scenario.policy
    if not isinstance(load, Load) or policy is None or load.rate != "max":
        return True
    if policy.mode == "postcopy" or policy.auto_converge:
        return True
    return load.working_set <= policy.last_stop_bytes
