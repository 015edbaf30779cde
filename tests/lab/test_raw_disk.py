"""A disk that boots: what lies before its partition, and that both get along."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.errors import ImageError
from miglab.lab.raw_disk import GAP, SECTOR, assemble, boot_sectors

EXT4_MAGIC = GAP * SECTOR + 1024 + 56


@given(st.binary(max_size=600), st.binary(max_size=2000), st.integers(GAP + 1, 2**32 - 1))
def test_the_first_sector_boots_and_has_one_partition(
    boot: bytes, core: bytes, sectors: int
) -> None:
    """Boot code up to the table, one active partition to the disk's end, GRUB's core behind."""
    made = boot_sectors(boot, core, sectors)
    assert made[:440] == boot[:440].ljust(440, b"\0")
    active, kind, first, size = struct.unpack("<B3xB3xII", made[446:462])
    assert (active, kind, first, first + size) == (0x80, 0x83, GAP, sectors)
    assert made[462:510] == bytes(48)
    assert made[510:] == b"\x55\xaa" + core


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """As much of a root as is needed, with a boot loader that is none."""
    grub = tmp_path / "root/boot/grub/i386-pc"
    grub.mkdir(parents=True)
    (grub / "boot.img").write_bytes(b"B" * SECTOR)
    (grub / "core.img").write_bytes(b"C" * 1000)
    return tmp_path / "root"


def test_a_disk_is_put_together_without_mounting(root: Path, tmp_path: Path) -> None:
    """The boot loader before the partition is still there once the file system is made in it."""
    disk = tmp_path / "disk"
    assemble(root, disk, 16 << 20)
    content = disk.read_bytes()
    assert len(content) == 16 << 20
    assert content[SECTOR : SECTOR + 1000] == b"C" * 1000
    assert content[EXT4_MAGIC : EXT4_MAGIC + 2] == b"\x53\xef"


def test_a_boot_loader_that_is_too_large(root: Path, tmp_path: Path) -> None:
    """It would lie in the partition."""
    (root / "boot/grub/i386-pc/core.img").write_bytes(bytes(GAP * SECTOR))
    with pytest.raises(ImageError, match="does not fit before the partition"):
        assemble(root, tmp_path / "disk", 16 << 20)
