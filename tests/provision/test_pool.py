"""The libvirt pool over the share."""

import pytest

from miglab.provision.pool import pool_commands

DEFINE = "virsh -q pool-define-as share dir --target /s"
START, AUTO = "virsh -q pool-start share", "virsh -q pool-autostart share"
DESTROY, UNDEFINE = "virsh -q pool-destroy share", "virsh -q pool-undefine share"
RIGHT = {"path": "/s", "active": "yes", "autostart": "yes"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param({}, [DEFINE, START, AUTO], id="absent"),
        pytest.param(RIGHT, [], id="right"),
        pytest.param(RIGHT | {"active": "no"}, [START], id="stopped"),
        pytest.param(RIGHT | {"autostart": "no"}, [AUTO], id="not started at boot"),
        pytest.param(
            RIGHT | {"path": "/old"}, [DESTROY, UNDEFINE, DEFINE, START, AUTO], id="elsewhere"
        ),
        pytest.param(
            {"path": "/old", "active": "no"}, [UNDEFINE, DEFINE, START, AUTO], id="elsewhere, off"
        ),
    ],
)
def test_only_what_is_wrong_is_done(found: dict[str, str], expected: list[str]) -> None:
    """A pool in the wrong place is made anew; files in it are nobody's business here."""
    assert list(pool_commands("share", "/s", found)) == expected


def test_odd_names_are_quoted() -> None:
    """A name or a path never becomes a word of the shell's."""
    assert next(pool_commands("a b", "/c d", {})) == (
        "virsh -q pool-define-as 'a b' dir --target '/c d'"
    )
