"""Speaking to the guest, over a network that loses, repeats, delays and garbles."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miglab.errors import GuestError, UsageError
from miglab.guest import control
from miglab.guest.control import GuestControl
from miglab.guest.status import BeaconStatus, Swept
from miglab.workload import Load
from tests.fakes import FakeGuest, in_turn, obliging
from tests.histories import status

FAULTS = ["", "lost", "late", "twice", "stale", "garbage"]


@pytest.fixture(autouse=True, scope="module")
def _impatient() -> Iterator[None]:
    """A lost datagram is sent again soon, so that nothing here takes long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(control, "RESEND_SECONDS", 0.02)
        yield


def test_a_question_is_answered() -> None:
    """One datagram there, with ID, verb and values; one back."""
    with FakeGuest() as guest, guest.control() as line:
        assert line.ask("journal", hz=50, reset=1)["id"] == guest.ids[0]
    (request,) = guest.requests
    assert request.split(" ")[1:] == ["journal", "hz=50", "reset=1"]


@pytest.mark.parametrize("faults", [["lost"], ["lost", "lost", "lost"], ["late"], ["lost", "late"]])
def test_a_lost_datagram_is_sent_again_under_the_same_id(faults: list[str]) -> None:
    """The guest must be able to tell a repetition from another request."""
    with FakeGuest(faults=faults) as guest, guest.control() as line:
        line.ask("unload", 60)
    assert len(guest.requests) > len(faults)
    assert len(set(guest.ids)) == 1


@pytest.mark.parametrize("fault", ["stale", "garbage"])
def test_what_is_no_reply_to_this_request_is_ignored(fault: str) -> None:
    """Neither somebody's error nor noise is taken for the answer."""
    with FakeGuest(faults=[fault]) as guest, guest.control() as line:
        assert line.ask("sweep", 60)["sweeps"] == 2


def test_a_stale_reply_causes_no_other_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a single repetition would double every later request for ever."""
    monkeypatch.setattr(control, "RESEND_SECONDS", 60)
    with FakeGuest(faults=["twice", "twice", "twice"]) as guest, guest.control() as line:
        for _ in range(4):
            line.ask("unload", 60)
    assert len(guest.requests) == 4


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(FAULTS), max_size=6))
def test_every_request_has_its_own_answer_whatever_the_network_does(faults: list[str]) -> None:
    """Of three in a row, each is answered, and each with its own ID."""
    with FakeGuest(faults=faults) as guest, guest.control() as line:
        replies = [line.ask("unload", 60)["id"] for _ in range(3)]
    assert list(dict.fromkeys(guest.ids)) == replies


def test_a_silent_guest_is_an_error() -> None:
    """Asked several times until the deadline, named by its address."""
    with (
        FakeGuest(faults=["lost"] * 1000) as guest,
        guest.control() as line,
        pytest.raises(GuestError) as silence,
    ):
        line.ask("status", 0.1)
    assert str(silence.value) == "guest 127.0.0.1: no answer to 'status' within 0.1 s"
    assert silence.value.exit_code == 4
    assert 1 <= len(guest.requests) <= 10


def test_a_flood_of_other_replies_does_not_move_the_deadline() -> None:
    """Noise is no sign of life."""

    def flood(verb: str, values: dict[str, str]) -> dict[str, Any]:
        return obliging(verb, values) | {"id": "another"}

    with (
        FakeGuest(flood) as guest,
        guest.control() as line,
        pytest.raises(GuestError, match="no answer"),
    ):
        line.ask("status", 0.05)


def test_a_refusal_is_the_user_s_to_mend() -> None:
    """In the guest's own words, and asked once only."""
    error = {"error": "working_set: expected at most 166MiB, found 1GiB"}
    with (
        FakeGuest(lambda *_: error) as guest,
        guest.control() as line,
        pytest.raises(UsageError) as refused,
    ):
        line.set_load(Load())
    assert str(refused.value) == f"guest 127.0.0.1: {error['error']}"
    assert refused.value.exit_code == 2
    assert len(guest.requests) == 1


def test_a_network_that_cannot_be_sent_on_is_an_error() -> None:
    """The system's reason is passed on."""
    channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with (
        GuestControl(channel, IPv4Address("255.255.255.255")) as line,
        pytest.raises(GuestError, match="cannot be asked: Permission denied"),
    ):
        line.ask("status")


def test_status_leaves_out_what_it_does_not_know() -> None:
    """A newer guest may say more."""
    newer = status().model_dump() | {"address": "192.168.80.50/24", "weather": {"rain": 0}}
    with FakeGuest(lambda *_: newer) as guest, guest.control() as line:
        assert line.status() == status()


def test_status_says_nothing_of_what_an_older_guest_did_not() -> None:
    """Old records can be read: no digest, no beacon, no zero pages, no computing."""
    new = {"swept", "zero_pct", "cpus", "computed"}
    older = status().model_dump(exclude={"beacon": True, "load": new})
    with FakeGuest(lambda *_: older) as guest, guest.control() as line:
        found = line.status()
    assert found.beacon is None
    assert found.load.model_dump(include=new) == dict.fromkeys(new)


def test_status_tells_digest_and_beacon() -> None:
    """Each as the reference has it."""
    swept = {"sweep": 3, "region_written": 70_000, "digest": "00ff00ff00ff00ff"}
    beacon = {"state": "running", "hz": 1000, "sent": 12, "errors": 0}
    newer = status(load={"swept": swept}).model_dump() | {"beacon": beacon}
    with FakeGuest(lambda *_: newer) as guest, guest.control() as line:
        found = line.status()
    assert found.load.swept == Swept(sweep=3, region_written=70_000, digest="00ff00ff00ff00ff")
    assert found.beacon == BeaconStatus(state="running", hz=1000, sent=12, errors=0)


def test_a_status_that_is_none_is_an_error() -> None:
    """Something else answers on that port, or an older guest."""
    with (
        FakeGuest(lambda *_: {"version": 1}) as guest,
        guest.control() as line,
        pytest.raises(GuestError, match="not understood: boot_id: expected a value"),
    ):
        line.status()


def test_setting_a_load_waits_until_it_runs() -> None:
    """Filling the pages takes a while."""
    filling = status(load={"state": "filling", "seed": 9})
    answer = in_turn(filling, filling, status(load={"seed": 9}))
    with FakeGuest(answer) as guest, guest.control() as line:
        found = line.set_load(Load.parse("ws=1MiB,rate=2MiB/s,pattern=random,compress=3,seed=9"))
    assert found.load.state == "running"
    wanted = "load working_set=1048576 rate=2097152 pattern=random compressibility=3 seed=9"
    assert guest.requests[0].partition(" ")[2] == wanted
    assert [request.split()[1] for request in guest.requests[1:]] == ["status"] * 3


def test_an_older_guest_is_not_told_what_it_does_not_know() -> None:
    """Zero pages and computing threads are spoken of only if they are wanted."""
    with FakeGuest() as guest, guest.control() as line:
        line.set_load(Load.parse("zero=25,cpus=2"))
        line.set_load(Load())
    wanted = [request.split()[2:] for request in guest.requests if " load " in request]
    assert [words[5:] for words in wanted] == [["zero=25", "cpus=2"], []]


def test_a_load_at_full_speed_is_asked_for_by_its_word() -> None:
    """``max`` is no number."""
    with FakeGuest() as guest, guest.control() as line:
        line.set_load(Load(rate="max"))
    assert " rate=max " in guest.requests[0]


def test_a_load_that_never_runs_is_an_error() -> None:
    """The wait is bounded."""
    answer = in_turn(status(load={"state": "filling"}))
    with (
        FakeGuest(answer) as guest,
        guest.control() as line,
        pytest.raises(GuestError, match=r"waited 0\.05 s until the load runs"),
    ):
        line.set_load(Load(), seconds=0.05)


def test_no_load_ends_the_load() -> None:
    """And says what the guest then does."""
    with FakeGuest(in_turn(status(load={"state": "off"}))) as guest, guest.control() as line:
        assert line.set_load(None).load.state == "off"
    assert [request.split()[1] for request in guest.requests] == ["unload", "status"]


def test_a_sweep_waits_for_its_own_number() -> None:
    """The one before may have been somebody else's."""
    before, after = status(load={"sweeps": 1}), status(load={"sweeps": 2})
    with FakeGuest(in_turn(before, before, after)) as guest, guest.control() as line:
        assert line.sweep() == after


def test_a_sweep_that_never_ends_is_an_error() -> None:
    """The wait is bounded."""
    with (
        FakeGuest(in_turn(status(load={"sweeps": 1}))) as guest,
        guest.control() as line,
        pytest.raises(GuestError, match="until the sweep ends"),
    ):
        line.sweep(seconds=0.05)


def test_the_journal_s_latencies_begin_anew() -> None:
    """What is measured belongs to this run."""
    with FakeGuest() as guest, guest.control() as line:
        line.set_journal(50)
        assert line.status(1) == status()
    assert guest.requests[0].split(" ", 1)[1] == "journal hz=50 reset=1"
