"""By how much a stop may be longer than the limit that QEMU's estimate kept to."""

from miglab.judge.verdict import Verdict

SLACK_MS = {"qemu": 700, "kvm": 150}
"""Device state, flush, and an estimate from a bandwidth that was another a moment ago; by
acceleration. The second was never measured: see docs/explanation/not-run.md."""


def is_kept(verdict: Verdict, limit_ms: int) -> bool:
    """Whether the vCPUs stood no longer than that."""
    stopped = verdict.downtime_ms.vcpu.value
    return stopped is not None and stopped <= limit_ms + SLACK_MS[verdict.environment.acceleration]
