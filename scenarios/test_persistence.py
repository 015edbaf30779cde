"""Which definitions a move leaves on either host, in every case that libvirt tells apart.

The matrix is that of libvirt's own compliance tests: a domain that runs or is paused, defined or
not, to a host that has a definition of it or not, by each transport and flag. Its domain is a tiny
one, since what happens to definitions does not depend on what runs.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from miglab.errors import HypervisorError
from miglab.guest_life import fleet
from miglab.lab.embedded import EmbeddedLab
from miglab.policy import Policy
from scenarios.tiny import RESIDENT, TRAVELLING, Found, Tiny

TRANSPORTS = {
    "client": {},
    "p2p": {"peer_to_peer": True},
    "tunnelled": {"peer_to_peer": True, "tunnelled": True},
}
WAYS: list[Any] = [
    *(("running", transport) for transport in TRANSPORTS),
    # tunnelled is p2p's, carried otherwise
    *(pytest.param("paused", each, marks=pytest.mark.kinds) for each in ("client", "p2p")),
]
FLAGS = {
    "no-flags": {"persist_target": False, "undefine_source": False},
    "undefine-source": {"persist_target": False, "undefine_source": True},
    "persist-dest": {"persist_target": True, "undefine_source": False},
    "both": {"persist_target": True, "undefine_source": True},
}


@pytest.fixture(scope="module")
def everywhere(lab: EmbeddedLab) -> Iterator[Tiny]:
    """The domain; nothing is left of it at the end."""
    with fleet(lab) as hosts:
        domain = Tiny(hosts)
        domain.remove()
        yield domain
        domain.remove()


@pytest.fixture(autouse=True)
def tiny(everywhere: Tiny, request: pytest.FixtureRequest) -> Iterator[Tiny]:
    """The domain; a test that fails leaves nothing of it for the next one."""
    failed = request.session.testsfailed
    yield everywhere
    if request.session.testsfailed > failed:
        everywhere.remove()


def left_on_source(policy: Policy, *, persistent: bool) -> Found:
    """A running domain leaves; its definition is another thing, and stays unless it is to go."""
    if persistent and not policy.undefine_source:
        return Found("shut off", TRAVELLING)
    return Found("absent", None)


def found_on_target(policy: Policy, state: str, *, persistent: bool, known: bool) -> Found:
    """A definition that is to come along is kept; else the one that was there already.

    Where there is neither and one is asked for, it is made of the domain that runs.
    """
    if known and not (persistent and policy.persist_target):
        return Found(state, RESIDENT)
    return Found(state, TRAVELLING if policy.persist_target else None)


@pytest.mark.parametrize(("state", "transport"), WAYS)
@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize(
    ("persistent", "known"),
    [
        pytest.param(persistent, known, id=f"{'persistent' if persistent else 'transient'}-{to}")
        for persistent, (known, to) in product(
            (False, True), ((False, "to-unknown"), (True, "to-known"))
        )
    ],
)
def test_definitions(
    tiny: Tiny, state: str, persistent: bool, known: bool, flags: str, transport: str
) -> None:
    """It is on the target only, as it was, and the definitions are where they belong."""
    options: dict[str, Any] = {**FLAGS[flags], **TRANSPORTS[transport]}
    policy = Policy(**options)
    paused = state == "paused"
    source, target = tiny.running(persistent=persistent, known=known, paused=paused)
    outcome = tiny.move(source, target, policy)
    assert outcome.error is None
    expected = found_on_target(policy, state, persistent=persistent, known=known)
    assert tiny.found(target) == expected
    assert tiny.found(source) == left_on_source(policy, persistent=persistent)


@pytest.mark.policy("offline")
@pytest.mark.parametrize("transport", ["client", "p2p"])
def test_offline(tiny: Tiny, transport: str) -> None:
    """A definition moves alone, and is gone where it was."""
    policy = Policy.named("offline", **TRANSPORTS[transport])
    source, target = tiny.defined()
    assert tiny.move(source, target, policy).error is None
    assert tiny.found(target) == Found("shut off", TRAVELLING)
    assert tiny.found(source) == Found("absent", None)


@pytest.mark.parametrize("transport", ["client", "p2p"])
def test_offline_is_not_for_what_runs(tiny: Tiny, transport: str) -> None:
    """libvirt would call it done, and leave two definitions of a domain that runs on."""
    policy = Policy.named("offline", **TRANSPORTS[transport])
    source, target = tiny.running(persistent=True, known=False)
    with pytest.raises(HypervisorError, match="expected a guest that does not run"):
        tiny.move(source, target, policy)
    assert tiny.found(source) == Found("running", TRAVELLING)
    assert tiny.found(target) == Found("absent", None)
