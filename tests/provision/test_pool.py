"""The libvirt pool over the share."""

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.provision.pool import pool, pool_commands
from tests.machines import Machine, run

DEFINE = "virsh -q pool-define-as share dir --target /s"
START, AUTO = "virsh -q pool-start share", "virsh -q pool-autostart share"
RIGHT = {"path": "/s", "active": "yes", "autostart": "yes"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param({}, [DEFINE, START, AUTO], id="absent"),
        pytest.param(RIGHT, [], id="right"),
        pytest.param(RIGHT | {"active": "no"}, [START], id="stopped"),
        pytest.param(RIGHT | {"autostart": "no"}, [AUTO], id="not started at boot"),
    ],
)
def test_only_what_is_wrong_is_done(found: dict[str, str], expected: list[str]) -> None:
    """Files in the pool are nobody's business here."""
    assert list(pool_commands("share", "/s", found)) == expected


def test_odd_names_are_quoted() -> None:
    """A name or a path never becomes a word of the shell's."""
    assert next(pool_commands("a b", "/c d", {})) == (
        "virsh -q pool-define-as 'a b' dir --target '/c d'"
    )


def test_another_s_pool_of_that_name_stays() -> None:
    """What lies elsewhere was not made from this declaration: it is named, and not undefined."""
    host = Machine(says={"pool-info": "active running\nautostart yes\npath /theirs\n"})
    with pytest.raises(
        OperationError, match=r"pool share over /s, found it over /theirs; it stays"
    ):
        run(pool, host, "source", pool_name="share", path="/s")
    assert not [each for each in host.asked if "undefine" in each or "destroy" in each]
