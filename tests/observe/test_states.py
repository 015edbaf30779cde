"""What the words of a host mean."""

import pytest

from miglab.observe.states import DomainState


@pytest.mark.parametrize(
    ("state", "alive", "known", "left_over"),
    [
        ("absent", False, True, False),
        ("unreachable", False, False, False),
        ("running", True, True, False),
        ("paused", True, True, False),
        ("no state", True, True, False),
        ("shut off", False, True, True),
        ("crashed", False, True, True),
    ],
)
def test_what_a_state_means(state: str, alive: bool, known: bool, left_over: bool) -> None:
    """A paused guest is alive, a definition alone is not, and silence says nothing."""
    found = DomainState(host="source", state=state)
    assert (found.alive, found.known, found.left_over) == (alive, known, left_over)
