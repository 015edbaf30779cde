"""How podman can boot systemd on this machine: found by trying, remembered until the next boot."""

import json
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from miglab.errors import NodeError
from miglab.lab.command import attempt, last_words
from miglab.lab.place import state_root
from miglab.values import Value

# What could reach the machine itself stays out: modules, clock, reboot, raw I/O, kernel log, LSMs.
DROPPED = ("SYS_MODULE", "SYS_TIME", "SYS_BOOT", "SYS_RAWIO", "SYSLOG", "MAC_ADMIN", "MAC_OVERRIDE")
DEVICES = ("/dev/net/tun", "/dev/kvm", "/dev/userfaultfd", "/dev/fuse")


class Runtime(Value):
    """The options that work here; an empty ``oci`` or a limit of None leaves podman's default."""

    oci: str = ""
    nproc: Annotated[int | None, Field(gt=0)] = None

    def global_options(self) -> list[str]:
        """Options that stand before podman's verb."""
        return ["--runtime", self.oci] if self.oci else []

    def run_options(self) -> list[str]:
        """Options of ``podman run`` with which systemd boots, without full privilege."""
        options = ["--systemd=always", "--cap-add=all", "--pids-limit=-1"]
        options += [f"--cap-drop={name}" for name in DROPPED]
        options += [f"--device={path}" for path in DEVICES if Path(path).exists()]
        options += [f"--security-opt={what}=unconfined" for what in ("seccomp", "apparmor")]
        return options + self.limit_options()

    def limit_options(self) -> list[str]:
        """``--ulimit`` options no higher than the caller's own, where podman's are too high."""
        if self.nproc is None:
            return []
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        return [f"--ulimit=nofile={files}:{files}", f"--ulimit=nproc={self.nproc}:{self.nproc}"]


def candidates() -> Iterator[Runtime]:
    """Podman's own choice first, then each runtime with ever lower limits."""
    ours = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    limits = [limit for limit in (ours, 32768, 8192) if limit > 0]
    yield Runtime()
    for oci in ("crun", "runc"):
        for nproc in limits:
            yield Runtime(oci=oci, nproc=nproc)


def _limits() -> str:
    """The caller's own: what worked under others may not under these."""
    return " ".join(map(str, resource.getrlimit(resource.RLIMIT_NPROC)))


def working(image: str) -> Runtime:
    """The first candidate that runs ``image``; raises NodeError with each one's last words."""
    memory = state_root() / "runtime.json"
    boot = f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {_limits()}"
    try:
        known = json.loads(memory.read_text())
        if known["boot"] == boot:
            return Runtime.model_validate(known["runtime"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    runtime = _try_all(image)
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(json.dumps({"boot": boot, "runtime": runtime.model_dump()}))
    return runtime


def _try_all(image: str) -> Runtime:
    failures = []
    for candidate in candidates():
        done = attempt(
            [
                "podman",
                *candidate.global_options(),
                *("run", "--rm", "--network=none", *candidate.run_options(), image, "/bin/true"),
            ],
            about="trying container runtimes",
            error=NodeError,
        )
        if done.returncode == 0:
            return candidate
        failures.append(f"{candidate.oci or 'default'}/{candidate.nproc}: {last_words(done)}")
    raise NodeError("podman: no runtime on this machine starts a node: " + "; ".join(failures))
