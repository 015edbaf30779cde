"""What QEMU encrypts a migration with: the lab's authority, and a certificate of the host's own."""

import hashlib
import io
from collections.abc import Generator
from pathlib import Path

from pyinfra import host
from pyinfra.api.command import FileUploadCommand
from pyinfra.api.deploy import deploy
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation

from miglab.provision.block import into_place
from miglab.provision.facts.trust import Fingerprints
from miglab.topology import Node, Topology

DIRECTORY = "/etc/pki/qemu"  # where libvirt has QEMU look, unless it is told otherwise
FILES = {
    "ca-cert.pem": "ca-cert.pem",
    "server-cert.pem": "{node}-cert.pem",
    "server-key.pem": "{node}-key.pem",
    "client-cert.pem": "{node}-cert.pem",
    "client-key.pem": "{node}-key.pem",
}


@operation()
def certificates(wanted: dict[str, str], owner: int) -> Generator[str | FileUploadCommand]:
    """The files of ``wanted`` (name → content) lie in QEMU's directory, for QEMU alone to read."""
    found = host.get_fact(Fingerprints, directory=DIRECTORY)
    differing = {
        name: text for name, text in wanted.items() if found.get(name) != fingerprint(text, owner)
    }
    if differing:
        yield f"mkdir -p {DIRECTORY} && chown 0:{owner} {DIRECTORY} && chmod 0750 {DIRECTORY}"
    for name, text in differing.items():
        path = f"{DIRECTORY}/{name}"
        yield f"install -m 0400 -o {owner} -g {owner} /dev/null {path}.new"
        yield FileUploadCommand(io.StringIO(text), f"{path}.new")
        yield into_place(path)


def fingerprint(text: str, owner: int) -> str:
    """Content, owner and mode, as the fact tells them."""
    return f"{hashlib.sha256(text.encode()).hexdigest()} {owner}:{owner} 400"


@deploy("Certificates")
def deploy_certificates(topology: Topology, node: Node) -> None:
    """Those that the inventory's ``lab_pki`` holds; without any, a migration cannot be encrypted.

    Raises OperationError when the directory lacks what it has to hold.
    """
    if not (directory := host.data.get("lab_pki")):
        return
    wanted = {}
    for name, source in FILES.items():
        path = Path(directory, source.format(node=node.name))
        try:
            wanted[name] = path.read_text()
        except OSError as error:
            raise OperationError(f"{path}: cannot be read: {error.strerror}") from None
    certificates(name="Certificates for QEMU", wanted=wanted, owner=topology.share.owner)
