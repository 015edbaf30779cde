"""The lab's own certificate authority, and a certificate for each host that it vouches for.

QEMU encrypts a migration with these; nothing else trusts them. They lie with the lab's other keys.
"""

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from miglab.errors import LabError
from miglab.lab.keys import write_private
from miglab.topology import Node

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LIFETIME = timedelta(days=730)
RENEWED_BEFORE = timedelta(days=90)
AUTHORITY = "ca"


def certificate_files(directory: Path, name: str) -> tuple[Path, Path]:
    """Where certificate and key of ``name`` lie: a node's, or the authority's own."""
    return directory / f"{name}-cert.pem", directory / f"{name}-key.pem"


def ensure_certificates(directory: Path, nodes: Iterable[Node]) -> None:
    """Makes what is missing, will expire soon, or is for another address; keys are 0600.

    Raises LabError when a file cannot be read or written.
    """
    signer, key = _authority(directory)
    for node in nodes:
        paths = certificate_files(directory, node.name)
        if not _is_good(paths, signer, str(node.address)):
            _write(paths, *_issued(node.name, signer=(signer, key), address=str(node.address)))


def _authority(directory: Path) -> "tuple[x509.Certificate, EllipticCurvePrivateKey]":
    """The authority's certificate and key, made first if need be."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    paths = certificate_files(directory, AUTHORITY)
    if not _is_good(paths):
        _write(paths, *_issued(f"miglab {directory.parent.name}"))
    try:
        certificate = x509.load_pem_x509_certificate(paths[0].read_bytes())
        key = serialization.load_pem_private_key(paths[1].read_bytes(), password=None)
    except (ValueError, OSError) as error:
        raise LabError(f"{paths[1]}: expected a private key, found {error}; remove it") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise LabError(f"{paths[1]}: expected a key on an elliptic curve; remove it")
    return certificate, key


def _is_good(
    paths: tuple[Path, Path], signer: "x509.Certificate | None" = None, address: str = ""
) -> bool:
    """Whether there is a certificate that holds for a while yet, by ``signer`` for ``address``."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        found = x509.load_pem_x509_certificate(paths[0].read_bytes())
        if not paths[1].exists() or found.not_valid_after_utc - RENEWED_BEFORE < datetime.now(UTC):
            return False
        if signer is not None:
            found.verify_directly_issued_by(signer)
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            held = names.get_values_for_type(x509.IPAddress)
            return ipaddress.ip_address(address) in held
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return True


def _issued(
    name: str,
    signer: "tuple[x509.Certificate, EllipticCurvePrivateKey] | None" = None,
    address: str = "",
) -> "tuple[x509.Certificate, EllipticCurvePrivateKey]":
    """A certificate for ``name`` at ``address``; without a signer, one that can sign others."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # the hosts' clocks may be behind ours
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    )
    if signer:
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(address))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer[1] if signer else key, hashes.SHA256()), key


def _write(
    paths: tuple[Path, Path], certificate: "x509.Certificate", key: "EllipticCurvePrivateKey"
) -> None:
    """The certificate last: where it is, its key is too."""
    from cryptography.hazmat.primitives import serialization

    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        paths[0].unlink(missing_ok=True)
    except OSError as error:
        raise LabError(f"{paths[0]}: cannot be removed: {error.strerror}") from None
    write_private(paths[1], text)
    write_private(paths[0], certificate.public_bytes(serialization.Encoding.PEM))
