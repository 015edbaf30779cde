"""The lab's certificates: made once, renewed in time, and of no use to anybody else."""

import ssl
from collections.abc import Iterable
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from miglab.errors import LabError
from miglab.lab import authority
from miglab.lab.authority import AUTHORITY, certificate_files, ensure_certificates
from miglab.topology import Node

NODES = tuple(
    Node(name=name, role="hypervisor", address=IPv4Address(address))
    for name, address in (("source", "192.168.80.121"), ("target", "192.168.80.161"))
)
NAMES = (AUTHORITY, "source", "target")


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """Where a lab called ``unit`` keeps its certificates; they are made already."""
    directory = tmp_path / "unit" / "pki"
    ensure_certificates(directory, NODES)
    return directory


def contents(directory: Path) -> dict[str, bytes]:
    """What lies in it, by name."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def renewed(directory: Path, nodes: Iterable[Node] = NODES) -> set[str]:
    """Whose certificates another run makes anew."""
    before = contents(directory)
    ensure_certificates(directory, nodes)
    changed = {name for name, data in contents(directory).items() if before.get(name) != data}
    return {name.rpartition("-")[0] for name in changed}


def certificate(directory: Path, name: str) -> x509.Certificate:
    """The one of ``name``."""
    return x509.load_pem_x509_certificate(certificate_files(directory, name)[0].read_bytes())


def test_each_host_has_one_of_the_lab_s_authority(pki: Path) -> None:
    """For its name and address, with the key that belongs to it; and it cannot sign others."""
    signer = certificate(pki, AUTHORITY)
    assert signer.subject.rfc4514_string() == "CN=miglab unit"
    assert signer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    for node in NODES:
        found = certificate(pki, node.name)
        found.verify_directly_issued_by(signer)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [node.name]
        assert names.get_values_for_type(x509.IPAddress) == [node.address]
        assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.name)
def test_another_implementation_accepts_them(pki: Path, node: Node) -> None:
    """OpenSSL, on both sides, each asking for the other's, by name and by address."""
    for host in (node.name, str(node.address)):
        shake_hands(pki, node, host)


def shake_hands(pki: Path, node: Node, host: str) -> None:
    """TLS between two ends in this process; raises what OpenSSL objects to."""
    ends = []
    for kind in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
        context = ssl.SSLContext(kind)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificate_files(pki, AUTHORITY)[0])
        context.load_cert_chain(*certificate_files(pki, node.name))
        ends.append(context)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ends[0].wrap_bio(there, back, server_side=True)
    client = ends[1].wrap_bio(back, there, server_hostname=host)
    for end in (client, server) * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.version() == server.version() == "TLSv1.3"


def test_a_second_run_changes_nothing(pki: Path) -> None:
    """Whatever is good stays."""
    assert renewed(pki) == set()


def test_only_the_owner_reads_the_keys(pki: Path) -> None:
    """All files are 0600, in a directory that nobody else can enter."""
    assert {path.stat().st_mode & 0o777 for path in pki.iterdir()} == {0o600}
    assert pki.stat().st_mode & 0o077 == 0


def test_each_lab_has_its_own(pki: Path, tmp_path: Path) -> None:
    """No key of one opens another."""
    other = tmp_path / "other" / "pki"
    ensure_certificates(other, NODES)
    assert not set(contents(pki).values()) & set(contents(other).values())


def test_another_address_is_another_certificate(pki: Path) -> None:
    """Of that host alone."""
    moved = NODES[0].model_copy(update={"address": IPv4Address("192.168.80.122")})
    assert renewed(pki, (moved, NODES[1])) == {"source"}
    assert renewed(pki, (moved, NODES[1])) == set()


def test_a_host_that_comes_later_gets_one(pki: Path) -> None:
    """The others keep theirs."""
    third = Node(name="third", role="hypervisor", address=IPv4Address("192.168.80.162"))
    assert renewed(pki, (*NODES, third)) == {"third"}


@pytest.mark.parametrize(("days", "whose"), [(89, set(NAMES)), (91, set())])
def test_they_are_renewed_before_they_expire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, whose: set[str]
) -> None:
    """Three months before, and no sooner."""
    directory = tmp_path / "unit" / "pki"
    with monkeypatch.context() as then:
        then.setattr(authority, "LIFETIME", timedelta(days=days))
        ensure_certificates(directory, NODES)
    assert renewed(directory) == whose
    assert renewed(directory) == set()


@pytest.mark.parametrize("loss", ["certificate", "key"])
def test_another_authority_vouches_anew(pki: Path, loss: str) -> None:
    """What the lost one signed is worth nothing any more."""
    certificate_files(pki, AUTHORITY)[loss == "key"].unlink()
    assert renewed(pki) == set(NAMES)
    for node in NODES:
        certificate(pki, node.name).verify_directly_issued_by(certificate(pki, AUTHORITY))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\x00", None])
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_certificate_is_made_anew(pki: Path, name: str, content: bytes | None) -> None:
    """Whatever lies there, or only its first half."""
    path = certificate_files(pki, name)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert renewed(pki) == (set(NAMES) if name == AUTHORITY else {name})


def test_a_missing_key_is_made_anew(pki: Path) -> None:
    """With a certificate that goes with it."""
    certificate_files(pki, "target")[1].unlink()
    assert renewed(pki) == {"target"}
    shake_hands(pki, NODES[1], "target")


def test_an_interrupted_writing_is_made_good(pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key never lies beside the old certificate: that is taken away first."""

    def interrupted(path: Path, _: bytes) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    moved = NODES[0].model_copy(update={"address": IPv4Address("192.168.80.122")})
    with monkeypatch.context() as then:
        then.setattr(authority, "write_private", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ensure_certificates(pki, (moved, NODES[1]))
    assert renewed(pki, (moved, NODES[1])) == {"source"}
    shake_hands(pki, moved, "192.168.80.122")


def other_key() -> bytes:
    """A private key of another kind than ours."""
    key = rsa.generate_private_key(65537, 2048)
    coding, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(coding, kind, serialization.NoEncryption())


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"nonsense", "expected a private key, found "), (other_key(), "expected a key on an ell")],
    ids=["nonsense", "rsa"],
)
def test_an_authority_s_key_that_is_none_is_named(pki: Path, content: bytes, problem: str) -> None:
    """It is not replaced behind anybody's back: one line says what to do."""
    path = certificate_files(pki, AUTHORITY)[1]
    path.write_bytes(content)
    with pytest.raises(LabError) as refused:
        ensure_certificates(pki, NODES)
    assert str(refused.value).startswith(f"{path}: {problem}")
    assert str(refused.value).endswith("; remove it")


@pytest.mark.parametrize("place", ["ca-cert.pem", "."])
def test_what_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    """A directory where a file has to be, a file where a directory has to be."""
    directory = tmp_path / "pki"
    if place == ".":
        directory.write_text("")
    else:
        (directory / place).mkdir(parents=True)
    with pytest.raises(LabError, match=r"ca-(cert|key)\.pem: cannot be (written|removed): "):
        ensure_certificates(directory, NODES)
