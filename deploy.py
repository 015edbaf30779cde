"""Role → deploy function, nothing else: ``pyinfra inventories/lab.py deploy.py``."""

from pyinfra import host

from miglab.provision.context import this_node, topology
from miglab.provision.guest import deploy_guest, deploy_guest_build
from miglab.provision.hypervisor import deploy_hypervisor
from miglab.provision.names import deploy_names
from miglab.provision.storage import deploy_share, deploy_storage
from miglab.provision.trust import deploy_trust

_topology = topology(host)
_node = this_node(host, _topology)

deploy_names(topology=_topology, node=_node)

if _node.role == "nfs":
    deploy_storage(topology=_topology)

if _node.role == "hypervisor":
    deploy_hypervisor(topology=_topology, node=_node)

deploy_guest_build(topology=_topology, node=_node)  # all wait here until the share is served

if _node.role == "hypervisor":
    deploy_share(topology=_topology)
    deploy_trust(topology=_topology, node=_node)
    deploy_guest(topology=_topology)
