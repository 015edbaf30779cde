"""Role → deploy function, nothing else: ``pyinfra inventories/lab.py deploy.py``.

``--data only=names,trust`` leaves the other roles alone.
"""

from pyinfra import host

from miglab.provision.certificates import deploy_certificates
from miglab.provision.context import roles, this_node, topology
from miglab.provision.firewall import deploy_firewall
from miglab.provision.guest import deploy_guest, deploy_guest_build
from miglab.provision.hypervisor import deploy_hypervisor
from miglab.provision.iscsi import deploy_target
from miglab.provision.names import deploy_names
from miglab.provision.storage import deploy_share, deploy_storage
from miglab.provision.trust import deploy_trust

_topology = topology(host)
_node = this_node(host, _topology)
_roles = roles(host, _topology)
_hypervisor = _node.role == "hypervisor"
_serve = deploy_target if _topology.share.kind == "iscsi" else deploy_storage

if "names" in _roles:
    deploy_names(topology=_topology, node=_node)

if "firewall" in _roles:
    deploy_firewall(topology=_topology, node=_node)

if "storage" in _roles and not _hypervisor:
    _serve(topology=_topology)

if "hypervisor" in _roles and _hypervisor:
    deploy_hypervisor(topology=_topology, node=_node)

if "guest" in _roles:
    deploy_guest_build(topology=_topology, node=_node)  # all wait here until the share is served

if "share" in _roles and _hypervisor:
    deploy_share(topology=_topology, node=_node)

if "trust" in _roles and _hypervisor:
    deploy_trust(topology=_topology, node=_node)

if "certificates" in _roles and _hypervisor:
    deploy_certificates(topology=_topology, node=_node)

if "guest" in _roles and _hypervisor:
    deploy_guest(topology=_topology)
