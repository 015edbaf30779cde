"""Tests about one way of moving: chosen by name, skipped where libvirt cannot, unless asked for."""

from typing import NoReturn

import pytest

from miglab.pytest_plugin.kinds import Unsupported
from miglab.pytest_plugin.session import deselect


def pytest_configure(config: pytest.Config) -> None:
    """Raises pytest's UsageError for a policy that has no name."""
    if asked := config.getoption("--lab-policy"):
        from miglab.policy import NAMED

        if unknown := [name for name in asked if name not in NAMED]:
            raise pytest.UsageError(
                f"--lab-policy: expected one of {', '.join(NAMED)}; found {', '.join(unknown)}"
            )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is about other policies than those asked for."""
    asked = set(config.getoption("--lab-policy"))
    others = [item for item in items if asked and _about(item) - asked == _about(item) != set()]
    deselect(config, items, others)
    if lacking := sorted(asked - set().union(*map(_about, items))):
        raise pytest.UsageError(f"--lab-policy: expected tests about it, found none: {lacking[0]}")


def _about(item: pytest.Item) -> set[str]:
    return {str(name) for marker in item.iter_markers("policy") for name in marker.args}


@pytest.fixture(scope="session")
def unsupported(request: pytest.FixtureRequest) -> Unsupported:
    """Ends a test whose policy cannot be had here: ``unsupported(policy_name, reason)``.

    It is skipped with the reason; if the policy was asked for by ``--lab-policy``, it fails.
    """
    asked = request.config.getoption("--lab-policy")

    def end(policy_name: str, reason: str) -> NoReturn:
        __tracebackhide__ = True
        if policy_name in asked:
            pytest.fail(f"--lab-policy {policy_name}: cannot be had here: {reason}", pytrace=False)
        pytest.skip(f"{policy_name}: cannot be had here: {reason}")

    return end
