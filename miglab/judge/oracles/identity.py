"""Identity: it is the same guest, it runs exactly once, and it is where it has to be."""

from miglab.errors import EvidenceError
from miglab.guest.status import GuestStatus
from miglab.judge.evidence import Evidence
from miglab.judge.oracles.finding import BLACK_BOX, SILENT, Finding, broken, intact, unknown
from miglab.judge.stops import Stop
from miglab.observe.history import Plan
from miglab.observe.states import DomainState


def identity(evidence: Evidence) -> Finding:
    """What one witness saw to be wrong outweighs what the others did not see."""
    history = evidence.history
    findings = [
        _where(history.domains, evidence.home, _kept(history.plan)),
        _alone(evidence),
        _who(history.guest_before, history.guest_after),
    ]
    for state in ("broken", "unknown"):
        if found := next((one for one in findings if one.state == state), None):
            return found
    return intact(", ".join(one.detail for one in reversed(findings) if one.detail))


def _kept(plan: Plan) -> frozenset[str]:
    """Hosts that were asked to keep a definition of the guest when it left."""
    policy = plan.scenario.policy
    return frozenset({plan.source}) if policy and not policy.undefine_source else frozenset()


def _where(domains: tuple[DomainState, ...], home: str, kept: frozenset[str]) -> Finding:
    """What the hosts say: it is at home, runs, and is nowhere else; what one saw outweighs."""
    alive = [state.host for state in domains if state.alive]
    silent = [state.host for state in domains if not state.known]
    if len(alive) > 1:
        return broken(f"the guest is alive on {' and '.join(alive)}")
    if alive and alive != [home]:
        return broken(f"the guest is on {alive[0]}, expected on {home}")
    if left := [state.host for state in domains if state.left_over and state.host not in kept]:
        return broken(f"a definition of the guest is left on {', '.join(left)}")
    if silent or home not in [state.host for state in domains]:
        return unknown(f"where the guest is was not said by {', '.join(silent) or home}")
    if not alive:
        return broken("the guest is alive nowhere")
    state = next(state.state for state in domains if state.alive)
    return (
        intact(f"running on {home} only")
        if state == "running"
        else broken(f"the guest is {state} on {home}, expected running")
    )


def _alone(evidence: Evidence) -> Finding:
    """No host wrote to the image once the guest had been resumed elsewhere."""
    try:
        for move in evidence.moves:
            if late := _late_writes(evidence, move):
                return broken(
                    f"two copies ran: {move.source} wrote to the image {late} times after the"
                    f" guest was resumed on {move.target}"
                )
    except EvidenceError:
        return intact("")  # the wire is one more witness, and not every lab has it
    return intact("")


def _late_writes(evidence: Evidence, move: Stop) -> int:
    """Writes by the host that was left, until the guest comes back to it."""
    since_ns = (move.until_ns or 0) + int(move.uncertainty_ms * 1e6)
    back = [later.until_ns or 0 for later in evidence.moves if later.target == move.source]
    until_ns = min((at for at in back if at > since_ns), default=None)
    return sum(
        since_ns < write.time_ns and (until_ns is None or write.time_ns < until_ns)
        for write in evidence.writes(move.source)
    )


def _who(before: GuestStatus | None, after: GuestStatus | None) -> Finding:
    """What the guest says: one boot, and no counter that went back."""
    if before is None:
        return unknown(BLACK_BOX)
    if after is None:
        return unknown(SILENT)
    if after.boot_id != before.boot_id:
        return broken("the boot id changed: the guest was booted anew")
    counters = {
        "clock": (before.mono_ns, after.mono_ns),
        "pages written": (before.load.written, after.load.written),
        "sweeps": (before.load.sweeps, after.load.sweeps),
        "writes acknowledged": (before.journal.acked, after.journal.acked),
    }
    for name, (then, now) in counters.items():
        if now < then:
            return broken(f"an old copy runs: {name} went back from {then} to {now}")
    return intact("the same boot")
