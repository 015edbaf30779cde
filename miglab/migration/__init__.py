"""The move itself: libvirt's only home."""
