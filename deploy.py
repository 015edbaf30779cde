"""Role → deploy function, nothing else: ``pyinfra inventories/lab.py deploy.py``."""

from pyinfra import host

from miglab.provision.context import this_node, topology
from miglab.provision.guest import deploy_guest
from miglab.provision.hypervisor import deploy_hypervisor
from miglab.provision.names import deploy_names
from miglab.provision.storage import deploy_share, deploy_storage
from miglab.provision.trust import deploy_trust

_topology = topology(host)
_node = this_node(host, _topology)

deploy_names(_topology, _node)

if _node.role == "nfs":
    deploy_storage(_topology)

if _node.role == "hypervisor":
    deploy_hypervisor(_topology, _node)

deploy_guest(_topology, _node)

if _node.role == "hypervisor":
    deploy_share(_topology)
    deploy_trust(_topology, _node)
