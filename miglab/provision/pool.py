"""A libvirt storage pool of the same name and path on every hypervisor."""

import shlex
from collections.abc import Generator, Iterator

from pyinfra import host
from pyinfra.api.exceptions import OperationError
from pyinfra.api.operation import operation

from miglab.provision.facts.storage import Pool


@operation()
def pool(pool_name: str, path: str) -> Generator[str]:
    """The pool is defined over ``path``, active and started with the host.

    One of that name that lies elsewhere is somebody else's: OperationError.
    """
    found = host.get_fact(Pool, pool=pool_name)
    if found and found.get("path") != path:
        raise OperationError(
            f"{host.name}: expected the pool {pool_name} over {path}, found it over"
            f" {found.get('path', 'no path')}; it stays as it is: `virsh pool-undefine {pool_name}`"
            " makes way"
        )
    yield from pool_commands(pool_name, path, found)


def pool_commands(name: str, path: str, found: dict[str, str]) -> Iterator[str]:
    """What makes the ``found`` pool (empty: none) as it should be."""
    name, where = shlex.quote(name), shlex.quote(path)
    if not found:
        yield f"virsh -q pool-define-as {name} dir --target {where}"
    if found.get("active") != "yes":
        yield f"virsh -q pool-start {name}"
    if found.get("autostart") != "yes":
        yield f"virsh -q pool-autostart {name}"
