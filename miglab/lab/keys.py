"""Keys of one lab: its own, and one host key for each node; nothing is shared between labs."""

import os
from pathlib import Path

from miglab.errors import LabError


def ensure_key(private: Path) -> str:
    """The public half (``ssh-ed25519 AAAA…``) of the key at ``private``, made (0600) if missing."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if not private.exists():
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        write_private(private, text)
    try:
        loaded = serialization.load_ssh_private_key(private.read_bytes(), password=None)
    except (ValueError, OSError) as error:
        raise LabError(f"{private}: expected a private key, found {error}; remove it") from None
    public = loaded.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Writes ``path`` whole or not at all, never readable by others for a moment.

    Raises LabError when the disk or the directory does not let it.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            os.fchmod(descriptor, mode)  # whatever the caller's umask is
            stream.write(content)
        temporary.replace(path)
    except OSError as error:
        raise LabError(f"{path}: cannot be written: {error.strerror}") from None
