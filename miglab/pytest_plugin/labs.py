"""The lab of a session, which is its own, so a lab that somebody works with stays as it is."""

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from miglab.pytest_plugin.session import lab_name

if TYPE_CHECKING:
    from miglab.lab.lab import Lab

HOME = Path(__file__).parents[2]
"""The checkout that this package lies in: what provisions a lab lies beside it."""
TOPOLOGY = "inventories/topology.yaml"


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator["Lab"]:
    """The session's lab: up, provisioned, and taken down at the end unless it is to be kept.

    Virtual machines that were there before are kept: they are somebody's, and took minutes.
    """
    from miglab.lab.lock import held_by_tests

    config = request.config
    opened = open_lab(config)
    keep = config.getoption("--lab-keep") or (
        opened.origin != "embedded" and opened.place.ssh_config.exists()
    )
    with held_by_tests(opened.place.lock):
        try:
            make_ready(opened, config, anyway=True)
            yield opened
        finally:
            if not keep:
                opened.down()


@pytest.fixture(scope="session")
def nodes(lab: "Lab") -> dict[str, Any]:
    """testinfra's hosts by node name, over the lab's ssh_config."""
    import testinfra

    config = str(lab.place.ssh_config)
    return {
        node.name: testinfra.get_host(
            f"ssh://{node.name}", ssh_config=config, sudo=node.name in lab.by_sudo
        )
        for node in lab.reached
    }


def open_lab(config: pytest.Config) -> "Lab":
    """The lab that the options name; raises MiglabError when there can be none."""
    from miglab.declaration import load
    from miglab.errors import UsageError
    from miglab.lab.lab import machine_memory
    from miglab.lab.origins import lab_of
    from miglab.lab.own import inventory_path
    from miglab.lab.place import Place

    if config.getoption("--lab") == "site":  # told to all that a test may run, wherever
        inventory = config.getoption("--lab-inventory") or inventory_path()
        os.environ["MIGLAB_INVENTORY"] = str(config.rootpath / inventory)
    try:
        place = Place(lab_name(config))
    except UsageError as error:
        raise UsageError(str(error).replace("--lab", "--lab-name", 1)) from None
    memory = None if place.origin == "site" else machine_memory()
    return lab_of(place, load(topology_path(config), memory))


def topology_path(config: pytest.Config) -> Path:
    """The one that was named, or that of the project under test, or the one that miglab ships."""
    from miglab.lab.own import declaration_path

    root, named = config.rootpath, config.getoption("--lab-topology")
    if named is not None:
        return root / Path(named)
    if config.getoption("--lab") == "site":
        return root / declaration_path()
    own = root / TOPOLOGY
    return own if own.exists() else HOME / TOPOLOGY


def make_ready(lab: "Lab", config: pytest.Config, *, anyway: bool = False) -> None:
    """Brings it up or heals it; provisions what is new in it, or ``anyway``.

    Nobody's own hosts are provisioned unasked: `miglab deploy --lab site` does it.
    """
    from miglab.lab.deployment import deploy, require_checkout

    require_checkout(HOME)  # before a lab is made that could not be provisioned
    changed = lab.up(_say(lab, config))
    if lab.origin != "site" and (changed or anyway):
        deploy(lab.place, topology_path(config), HOME)


def _say(lab: "Lab", config: pytest.Config) -> Callable[[str], None]:
    """Progress, where somebody sits before it: building images takes minutes."""
    reporter, capture = map(config.pluginmanager.get_plugin, ("terminalreporter", "capturemanager"))

    lock = Lock()  # nodes are brought up side by side

    def say(line: str) -> None:
        if reporter is not None and config.get_verbosity() >= 0:
            with lock, capture.global_and_fixture_disabled() if capture else nullcontext():
                reporter.ensure_newline()
                reporter.write_line(f"lab {lab.place.name}: {line}")

    return say
