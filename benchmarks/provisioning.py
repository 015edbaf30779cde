"""Figures of ``miglab up`` and of a deploy that finds nothing to do."""

from benchmarks.bench import Bench, python_seconds
from benchmarks.figure import Figure, collect
from miglab.lab import image

UP = {
    "network": "making the network",
    "containers": "booting|switching on",
    "systemd and ssh": "waiting for ssh",
}
DEPLOY = {
    "inventory": "Loading inventory",
    "connect": "Connecting to hosts",
    "facts before operations": "Preparing operation files",
    "operations": "Beginning operation run",
    "results, disconnect": "--> Results",
}


def up(bench: Bench, runs: int) -> Figure:
    """``miglab down``, then ``miglab up``, with images in podman's store."""
    for node in bench.lab.topology.nodes:
        image.ensure(node)
    done = []
    for _ in range(runs):
        bench.down()
        python = python_seconds("miglab.cli")
        transcript = bench.miglab("up")
        phases = transcript.phases("python, what is there", UP)
        rest = phases.pop("python, what is there") - python
        done.append(
            {"seconds": transcript.seconds, "python": python, "what is there": rest} | phases
        )
    return _figure("up", "miglab up, images cached", 10, done)


def deploy(bench: Bench, runs: int) -> Figure:
    """The second and later runs of pyinfra on the same nodes."""
    bench.deployed()
    done = []
    for _ in range(runs):
        transcript = bench.pyinfra()
        phases = transcript.phases("python", DEPLOY)
        done.append({"seconds": transcript.seconds} | phases)
    return _figure("deploy", "second pyinfra run", 3, done)


def _figure(name: str, what: str, target: float, done: list[dict[str, float]]) -> Figure:
    seconds = tuple(run.pop("seconds") for run in done)
    return Figure(
        name=name, what=what, unit="s", target=target, values=seconds, parts=collect(done)
    )
