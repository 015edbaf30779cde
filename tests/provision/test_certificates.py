"""What QEMU encrypts with: laid where it looks, for it alone, and nothing done twice."""

import hashlib
from pathlib import Path

import pytest
from pyinfra.api.exceptions import OperationError

from miglab.provision.certificates import DIRECTORY, FILES, deploy_certificates
from miglab.topology import Node, Topology
from tests.machines import Changes, Machine, Pyinfra

OPERATION = "Certificates | Certificates for QEMU"
OWNER = 64055
NAMES = ("ca-cert.pem", "source-cert.pem", "source-key.pem")
CONTENTS = {
    "ca-cert.pem": "ca-cert\n",
    "server-cert.pem": "source-cert\n",
    "server-key.pem": "source-key\n",
    "client-cert.pem": "source-cert\n",
    "client-key.pem": "source-key\n",
}


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """A lab's certificates, each known by its name."""
    for name in (*NAMES, "target-cert.pem", "target-key.pem"):
        (tmp_path / name).write_text(f"{name.removesuffix('.pem')}\n")
    return tmp_path


def found(**changes: str) -> Machine:
    """A host on which all lies as it should, but for ``changes``: its whole line, by name."""
    lines = {
        name: f"{hashlib.sha256(text.encode()).hexdigest()} {OWNER}:{OWNER} 400"
        for name, text in CONTENTS.items()
    }
    lines |= {name.replace("_", "-") + ".pem": line for name, line in changes.items()}
    said = "".join(f"{line} {name}\n" for name, line in lines.items() if line)
    return Machine(says={f"cd {DIRECTORY} 2>/dev/null": said})


def deploy(machine: Machine, topology: Topology, source: Node, pki: Path | None) -> Changes:
    """What is changed on that host."""
    pyinfra = Pyinfra({"source": machine}, pki=pki)
    return pyinfra.deploy(deploy_certificates, topology=topology, node=source)["source"]


def written(changes: Changes) -> dict[str, str]:
    """Path → content of what is uploaded, beside it first."""
    uploads = [each for _, commands in changes for each in commands if each.startswith("upload ")]
    pairs = (each.removeprefix("upload ").split("\n", 1) for each in uploads)
    return {path.removesuffix(".new"): content for path, content in pairs}


def test_a_host_gets_its_own(topology: Topology, source: Node, pki: Path) -> None:
    """The authority's, and its own as a server and as a client; no other host's."""
    changes = deploy(Machine(), topology, source, pki)
    assert [name for name, _ in changes] == [OPERATION]
    assert written(changes) == {f"{DIRECTORY}/{name}": text for name, text in CONTENTS.items()}
    assert set(CONTENTS) == set(FILES)


def test_nobody_else_reads_them(topology: Topology, source: Node, pki: Path) -> None:
    """Each file is QEMU's and closed before anything is in it, in a directory closed to others."""
    ((_, commands),) = deploy(Machine(), topology, source, pki)
    made, *rest = commands
    assert made == (
        f"mkdir -p {DIRECTORY} && chown 0:{OWNER} {DIRECTORY} && chmod 0750 {DIRECTORY}"
    )
    for closed, upload, placed in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        path = upload.split("\n")[0].removeprefix("upload ")
        assert closed == f"install -m 0400 -o {OWNER} -g {OWNER} /dev/null {path}"
        assert placed == f"mv -Z {path} {path.removesuffix('.new')}"


def test_a_host_that_has_them_is_left_alone(topology: Topology, source: Node, pki: Path) -> None:
    """The second run has no command; what else lies there is not ours."""
    assert deploy(found(), topology, source, pki) == []
    assert deploy(found(somebody_s="f00 0:0 644"), topology, source, pki) == []


GOOD = hashlib.sha256(CONTENTS["server-key.pem"].encode()).hexdigest()


@pytest.mark.parametrize(
    "line",
    [
        f"{'0' * 64} {OWNER}:{OWNER} 400",
        f"{GOOD} 0:0 400",
        f"{GOOD} {OWNER}:0 400",
        f"{GOOD} {OWNER}:{OWNER} 440",
        "",
    ],
    ids=["content", "owner", "group", "mode", "missing"],
)
def test_only_what_differs_is_written(
    topology: Topology, source: Node, pki: Path, line: str
) -> None:
    """In whatever it differs."""
    changes = deploy(found(server_key=line), topology, source, pki)
    assert written(changes) == {f"{DIRECTORY}/server-key.pem": "source-key\n"}


def test_without_certificates_nothing_is_done(topology: Topology, source: Node) -> None:
    """Machines of one's own have none from us, and keep what they have."""
    machine = Machine()
    assert deploy(machine, topology, source, None) == []
    assert machine.asked == []


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(topology: Topology, source: Node, pki: Path, name: str) -> None:
    """In one line, before anything is changed."""
    (pki / name).unlink()
    machine = Machine()
    with pytest.raises(OperationError) as refused:
        deploy(machine, topology, source, pki)
    assert str(refused.value) == f"{pki / name}: cannot be read: No such file or directory"
    assert not any("install" in command for command in machine.asked)
