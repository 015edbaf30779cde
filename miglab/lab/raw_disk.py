"""A disk that boots, put together without mounting anything, which not every machine can.

Its one partition is made from a directory, and the boot loader that lies in there is copied to
where its own installer would put it.
"""

import struct
from pathlib import Path

from miglab.errors import ImageError
from miglab.lab.command import LONG, run

SECTOR = 512
GAP = 2048
"""Sectors before the partition, as partitioning tools leave them; the boot loader lies there."""
MKE2FS = ("-q", "-t", "ext4", "-O", "^metadata_csum", "-E", f"offset={GAP * SECTOR}")
BOOT, CORE = "boot/grub/i386-pc/boot.img", "boot/grub/i386-pc/core.img"


def assemble(root: Path, disk: Path, size: int) -> None:
    """A raw ``disk`` of ``size`` bytes, with holes: GRUB, then ``root`` as its one partition."""
    sectors = size // SECTOR
    loader = boot_sectors((root / BOOT).read_bytes(), (root / CORE).read_bytes(), sectors)
    if len(loader) > GAP * SECTOR:
        raise ImageError(f"{disk.name}: the boot loader does not fit before the partition")
    with disk.open("wb") as file:
        file.write(loader)
        file.truncate(sectors * SECTOR)
    kib = (sectors - GAP) * SECTOR // 1024
    command = ["mke2fs", *MKE2FS, "-d", str(root), str(disk), f"{kib}k"]
    run(command, about=disk.name, error=ImageError, seconds=LONG)


def boot_sectors(boot: bytes, core: bytes, sectors: int) -> bytes:
    """What lies before the partition: GRUB's boot code, the table, and its core right behind.

    Without an installer's blocklist the boot code looks for the core there (sector 1).
    """
    chs = b"\xfe\xff\xff"  # "beyond what cylinders can say": the numbers that follow count
    active, linux = 0x80, 0x83
    entry = struct.pack("<B3sB3sII", active, chs, linux, chs, GAP, sectors - GAP)
    return boot[:440].ljust(446, b"\0") + entry.ljust(64, b"\0") + b"\x55\xaa" + core
