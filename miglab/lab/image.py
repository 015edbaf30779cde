"""Images of nodes, built from a distribution's own packages and cached by what goes into them."""

import hashlib
from importlib.resources import files
from pathlib import Path

from miglab import packages
from miglab.errors import ImageError
from miglab.lab.bootstrap import OPTIONS, SUITES, bootstrap, workspace
from miglab.lab.command import LONG, attempt, last_words, run
from miglab.lab.lock import held
from miglab.lab.runtime import Runtime, working
from miglab.topology import Node, ShareKind

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


def tag(node: Node, kind: ShareKind = "nfs") -> str:
    """The image's name: what it is for, its system, and a digest of all that it is made of.

    What a storage node's is for is the ``kind`` of share that it serves.
    """
    recipe = [node.os, *packages.baked(node.role, kind), finish_script(), CONTAINERFILE, *OPTIONS]
    if node.os not in SUITES:
        recipe.append(_containerfile(node, kind))
    digest = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]
    system = node.os if node.os in SUITES else "oci"
    purpose = node.role if node.role == "hypervisor" else kind
    return f"localhost/miglab/{purpose}:{system}-{digest}"


def exists(name: str) -> bool:
    """Whether podman has the image."""
    done = attempt(["podman", "image", "exists", name], about=name, error=ImageError)
    return done.returncode == 0


def ensure(node: Node, kind: ShareKind = "nfs") -> bool:
    """Builds the image of ``node`` unless it is cached; whether it was built."""
    name = tag(node, kind)
    if exists(name):
        return False
    with held(f"image {name}", wait_seconds=LONG):
        if exists(name):
            return False
        if node.os in SUITES:
            _bootstrap(SUITES[node.os], packages.baked(node.role, kind), name)
        else:
            _derive(node, kind, name)
    return True


def _bootstrap(suite: str, include: tuple[str, ...], name: str) -> None:
    """From mmdebstrap into podman; the image gets its name only once both have succeeded."""
    with workspace() as work:
        script = Path(work, "finish.sh")
        script.write_text(finish_script())
        hook = f'--customize-hook=chroot "$1" sh -s < {script}'
        root = Path(work, "root.tar")
        bootstrap(suite, include, root, hook, about=name)
        run(
            ["podman", "import", "--quiet", str(root), name],
            about=name,
            error=ImageError,
            seconds=LONG,
        )


def _derive(node: Node, kind: ShareKind, name: str) -> None:
    """The image that the declaration names, with what a node needs put on top."""
    if not exists(node.os):
        done = attempt(
            ["podman", "pull", "--quiet", node.os], about=node.os, error=ImageError, seconds=LONG
        )
        if done.returncode:
            raise ImageError(f"{node.os}: podman cannot pull it: {last_words(done)}")
    runtime = working(node.os)
    with workspace() as work:
        Path(work, "finish.sh").write_text(finish_script())
        Path(work, "Containerfile").write_text(_containerfile(node, kind))
        run(_build(runtime, name, work), about=name, error=ImageError, seconds=LONG)


def _containerfile(node: Node, kind: ShareKind) -> str:
    return CONTAINERFILE.format(
        name=node.os,
        debian=" ".join(packages.baked(node.role, kind)),
        redhat=" ".join(packages.baked(node.role, kind, "redhat")),
    )


def _build(runtime: Runtime, name: str, work: str) -> list[str]:
    options = ["--network=host", "--isolation=oci", "--quiet", "--layers=false"]
    return [
        "podman",
        *runtime.global_options(),
        *("build", *options, *runtime.limit_options(), "--tag", name, work),
    ]
