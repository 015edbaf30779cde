"""Which finding comes of which: mended is the cause, and the other is gone."""

CAUSES: dict[str, tuple[str, ...]] = {
    "ssh-trust": ("name-resolution",),
    "migration-ports": ("name-resolution",),
    "image-missing": ("export",),
    "share-permission": ("qemu-user", "export"),
    "guest-start": ("libvirt-listener", "mandatory-access"),
    "dry-migration": (
        "name-resolution",
        "libvirt-listener",
        "ssh-trust",
        "same-host-uuid",
        "migration-ports",
        "guest-start",
    ),
}
"""By identifier, the causes it may have, the likeliest first."""

ONE_WAY = {"name-resolution", "ssh-trust", "migration-ports"}
"""What is wrong from one host to another is nothing on the way back."""
