"""What the guest boots: which files, made of which sources, lying where."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

FILES = ("vmlinuz", "initramfs.gz", "kernel-version")


@cache
def payload_sources() -> dict[str, bytes]:
    """Name → content of the program that runs in the guest, and of the script that builds it."""
    return {
        entry.name: entry.read_bytes()
        for entry in files("miglab.guest").joinpath("payload").iterdir()
        if entry.name.endswith((".c", ".h", ".sh"))
    }


def payload_digest() -> str:
    """Names what is built: other sources, another place."""
    digest = hashlib.sha256()
    for name, content in sorted(payload_sources().items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:12]


def boot_directory() -> PurePosixPath:
    """Where a hypervisor keeps the files to boot from."""
    return PurePosixPath("/var/lib/miglab/boot") / payload_digest()
