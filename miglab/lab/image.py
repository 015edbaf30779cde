"""Images of nodes, built from a distribution's own packages and cached by what goes into them."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from miglab import packages
from miglab.errors import ImageError
from miglab.lab.command import LONG, attempt, last_words, require, run
from miglab.lab.lock import held
from miglab.lab.place import state_root
from miglab.lab.runtime import Runtime, working
from miglab.topology import Node

SUITES = {"debian-13": "trixie", "debian-12": "bookworm"}

CONTAINERFILE = """
FROM {name}
COPY finish.sh /tmp/finish.sh
RUN if command -v apt-get >/dev/null; then apt-get update && \
      DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {debian}; \
    else dnf install -y {redhat}; fi && sh /tmp/finish.sh && rm /tmp/finish.sh
"""


def finish_script() -> str:
    """The script that turns a bare root file system into a node's."""
    return files("miglab.lab").joinpath("finish.sh").read_text()


def tag(node: Node) -> str:
    """The image's name: its role, its system, and a digest of all that it is made of."""
    recipe = [node.os, *packages.baked(node.role), finish_script(), CONTAINERFILE, *_OPTIONS]
    if node.os not in SUITES:
        recipe.append(_containerfile(node))
    digest = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]
    system = node.os if node.os in SUITES else "oci"
    return f"localhost/miglab/{node.role}:{system}-{digest}"


def exists(name: str) -> bool:
    """Whether podman has the image."""
    done = attempt(["podman", "image", "exists", name], about=name, error=ImageError)
    return done.returncode == 0


def ensure(node: Node) -> bool:
    """Builds the image of ``node`` unless it is cached; whether it was built."""
    name = tag(node)
    if exists(name):
        return False
    with held(f"image {name}", wait_seconds=LONG):
        if exists(name):
            return False
        if node.os in SUITES:
            _bootstrap(SUITES[node.os], packages.baked(node.role), name)
        else:
            _derive(node, name)
    return True


_OPTIONS = (
    "--variant=minbase",
    "--skip=check/qemu,check/signed-by",
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
)


def _bootstrap(suite: str, include: tuple[str, ...], name: str) -> None:
    """From mmdebstrap into podman; the image gets its name only once both have succeeded."""
    require("mmdebstrap", about=name, error=ImageError)
    with _workspace() as work:
        script = Path(work, "finish.sh")
        script.write_text(finish_script())
        root, log = Path(work, "root.tar"), Path(work, "log")
        command = [  # it ends with us, however we end, and when it takes too long
            *("setpriv", "--pdeathsig=KILL", "timeout", f"{LONG:.0f}", "mmdebstrap"),
            *_OPTIONS,
            f"--include={','.join(include)}",
            f'--customize-hook=chroot "$1" sh -s < {script}',
            suite,
            str(root),
        ]
        with log.open("w") as sink:
            code = subprocess.call(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=_environment(work)
            )
        if code:
            raise ImageError(f"{name}: mmdebstrap {suite} failed: {_cause(log.read_text())}")
        run(
            ["podman", "import", "--quiet", str(root), name],
            about=name,
            error=ImageError,
            seconds=LONG,
        )


def _workspace() -> tempfile.TemporaryDirectory[str]:
    """A directory for one build; what killed builds left is swept by :func:`sweep`."""
    builds = state_root() / "build"
    builds.mkdir(parents=True, exist_ok=True)
    sweep()
    return tempfile.TemporaryDirectory(prefix=f"{os.getpid()}.", dir=builds)


def sweep() -> None:
    """Removes the work of builds whose process is gone."""
    for leftover in (state_root() / "build").glob("*.*"):
        if not Path("/proc", leftover.name.split(".")[0]).exists():
            shutil.rmtree(leftover, ignore_errors=True)


def _environment(work: str) -> dict[str, str]:
    return {**os.environ, "TMPDIR": work, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def _cause(log: str) -> str:
    """The line of a build's log that says why: the first error, not the last consequence.

    apt gives the reason for an ``Err:`` in the line after it.
    """
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["it said nothing"]
    failed = (i for i, line in enumerate(lines) if line.startswith(("E:", "Err:", "dpkg: error")))
    first = next(failed, 0)
    if not lines[first].startswith("Err:"):
        return lines[first]
    reason = " ".join(lines[first : first + 2])
    return f"{reason}; is the package registry reachable?"


def _derive(node: Node, name: str) -> None:
    """The image that the declaration names, with what a node needs put on top."""
    if not exists(node.os):
        done = attempt(
            ["podman", "pull", "--quiet", node.os], about=node.os, error=ImageError, seconds=LONG
        )
        if done.returncode:
            raise ImageError(f"{node.os}: podman cannot pull it: {last_words(done)}")
    runtime = working(node.os)
    with _workspace() as work:
        Path(work, "finish.sh").write_text(finish_script())
        Path(work, "Containerfile").write_text(_containerfile(node))
        run(_build(runtime, name, work), about=name, error=ImageError, seconds=LONG)


def _containerfile(node: Node) -> str:
    role = packages.HYPERVISOR if node.role == "hypervisor" else packages.USER_NFS
    return CONTAINERFILE.format(
        name=node.os,
        debian=" ".join(packages.baked(node.role)),
        redhat=" ".join((*packages.BASE["redhat"], *role["redhat"])),
    )


def _build(runtime: Runtime, name: str, work: str) -> list[str]:
    options = ["--network=host", "--isolation=oci", "--quiet", "--layers=false"]
    return [
        "podman",
        *runtime.global_options(),
        *("build", *options, *runtime.limit_options(), "--tag", name, work),
    ]
