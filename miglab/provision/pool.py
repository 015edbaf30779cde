"""A libvirt storage pool of the same name and path on every hypervisor."""

import shlex
from collections.abc import Generator, Iterator

from pyinfra import host
from pyinfra.api.operation import operation

from miglab.provision.facts.storage import Pool


@operation()
def pool(pool_name: str, path: str) -> Generator[str]:
    """The pool is defined over ``path``, active and started with the host."""
    yield from pool_commands(pool_name, path, host.get_fact(Pool, pool=pool_name))


def pool_commands(name: str, path: str, found: dict[str, str]) -> Iterator[str]:
    """What makes the ``found`` pool (empty: none) as it should be."""
    name, where = shlex.quote(name), shlex.quote(path)
    if found and found.get("path") != path:
        if found.get("active") == "yes":
            yield f"virsh -q pool-destroy {name}"
        yield f"virsh -q pool-undefine {name}"
        found = {}
    if not found:
        yield f"virsh -q pool-define-as {name} dir --target {where}"
    if found.get("active") != "yes":
        yield f"virsh -q pool-start {name}"
    if found.get("autostart") != "yes":
        yield f"virsh -q pool-autostart {name}"
