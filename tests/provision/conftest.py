"""What tests of provisioning have in common: the declared machines."""

import pytest

from miglab.declaration import load
from miglab.topology import Node, Topology
from tests.machines import SHIPPED


@pytest.fixture(scope="session")
def topology() -> Topology:
    """The declaration that comes with the project."""
    return load(SHIPPED)


@pytest.fixture(scope="session")
def source(topology: Topology) -> Node:
    """The first hypervisor."""
    return topology.source
