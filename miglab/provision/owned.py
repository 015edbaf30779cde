"""Directories and images that belong to QEMU's number; those that are another's stay so."""

from collections.abc import Generator, Iterator

from pyinfra import host
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation

from miglab.provision.facts.storage import Occupied, Owner, Size


@operation()
def directory(path: str, owner: int) -> Generator[str]:
    """A directory that QEMU's number owns and others cannot enter.

    One of another's that is not empty is not taken over: OperationError.
    """
    found = host.get_fact(Owner, path=path)
    if found and uid(found) != owner and host.get_fact(Occupied, path=path):
        raise OperationError(
            f"{host.name}: {path}: expected a directory that is empty or belongs to {owner}, found"
            f" files in one of {uid(found)}'s; declare another share.path, or `share.existing:"
            " true` if it is served and mounted already"
        )
    yield from owned_commands(path, f"mkdir -p {path}", owner, "750", found)


@operation()
def disk(path: str, size: int, owner: int) -> Generator[str]:
    """A raw image of ``size`` bytes for QEMU; the content of one that is there is never touched.

    One that is another's is not taken over: OperationError.
    """
    found = host.get_fact(Owner, path=path)
    if found and not is_ours(found, owner, host.get_fact(Size, path=path), size):
        raise OperationError(
            f"{host.name}: {path}: expected no image, or one that belongs to {owner}, found"
            f" {uid(found)}'s; declare another guest.name, or move it away"
        )
    yield from owned_commands(path, f"truncate --size={size} {path}", owner, "660", found)


def uid(found: str) -> int:
    """Whose a path is, of what the fact Owner says."""
    return int(found.partition(":")[0])


def is_ours(found: str, owner: int, has: int | None, size: int) -> bool:
    """Whether an image that is ``found`` can be one that we made.

    libvirt gives an image to root when its guest ends, where the server lets it.
    """
    return uid(found) == owner or (uid(found) == 0 and has == size)


def owned_commands(path: str, make: str, owner: int, mode: str, found: str | None) -> Iterator[str]:
    """Makes ``path`` if it is not ``found``, and gives it owner and mode if they differ."""
    if found is None:
        yield make
    if found != f"{owner}:{owner} {mode}":
        yield f"chown {owner}:{owner} {path} && chmod {mode} {path}"
