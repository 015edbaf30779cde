"""What the NFS server's configuration says, for either server, and how its share is mounted."""

import re

from miglab.provision.block import WRITTEN
from miglab.topology import NfsVersion, Topology

GANESHA_CONF, EXAMPLE = "/etc/ganesha/ganesha.conf", "/nonexistent"
NFS_PORT, RPCBIND_PORT, MOUNTD_PORT = 2049, 111, 20048
NFS_CONF = f"{WRITTEN}[nfsd]\nvers3=y\n\n[mountd]\nport={MOUNTD_PORT}\n"
MOUNT_OPTIONS: dict[NfsVersion, str] = {
    # both ports are told, so that rpcbind is not asked; without locks, which need more ports
    "3": f"vers=3,proto=tcp,port={NFS_PORT},mountproto=tcp,mountport={MOUNTD_PORT},nolock",
    "4.2": "vers=4.2",
}

GANESHA = """\
NFS_CORE_PARAM {{
  Protocols = 3, 4;
  NFS_Port = 2049;
  MNT_Port = 20048;
  Enable_NLM = false;
  Enable_RQUOTA = false;
  mount_path_pseudo = true;
{io_flusher}}}

NFSv4 {{
  Graceless = true; # nothing holds a lock on the images that a restart could take away
}}

EXPORT_DEFAULTS {{
  Access_Type = None;
  SecType = sys;
  Protocols = 3, 4;
  Transports = TCP;
}}

EXPORT {{
  Export_Id = 1;
  Path = {path};
  Pseudo = {path};
  Squash = {squash};
  CLIENT {{
    Clients = {clients};
    Access_Type = RW;
  }}
  FSAL {{
    Name = VFS;
  }}
}}
"""


def clients(topology: Topology) -> list[str]:
    """Exactly the hypervisors may mount the share."""
    return [str(node.address) for node in topology.hypervisors]


def kernel_exports(topology: Topology) -> str:
    """``/etc/exports.d/miglab.exports``: one line for each client.

    A squashed root becomes the images' owner, as whom it may run anything on its host anyway: else
    libvirt, which is root, could not even list its pool.
    """
    share = topology.share
    options = f"rw,sync,no_subtree_check,{share.squash}"
    if share.squash == "root_squash":
        options += f",anonuid={share.owner},anongid={share.owner}"
    lines = (f"{share.path} {client}({options})\n" for client in clients(topology))
    return WRITTEN + "".join(lines)


def unexport_commands(topology: Topology, before: str | None) -> list[str]:
    """Ends what our file said ``before`` and says no more.

    ``exportfs -r`` would do it too, and end exports that somebody else made without a file.
    """
    said = re.findall(r"^(/\S+) ([\d.]+)\(", before or "", re.MULTILINE)
    kept = {(str(topology.share.path), client) for client in clients(topology)}
    return [f"exportfs -u {client}:{path}" for path, client in said if (path, client) not in kept]


def others_exports(config: str) -> list[str]:
    """The paths that a ganesha.conf exports which we did not write; its package's is an example."""
    if WRITTEN.strip() in config:
        return []
    paths = re.findall(r'^[^#\n]*?\bPath\s*=\s*"?([^";\s]+)', config, re.MULTILINE)
    return [path for path in paths if path != EXAMPLE]


def ganesha_config(topology: Topology, version: int) -> str:
    """``/etc/ganesha/ganesha.conf`` for ganesha's major ``version``.

    Since 5 it refuses to start where it may not mark itself as an I/O flusher (containers
    without CAP_SYS_RESOURCE) unless told that this is acceptable.
    """
    return WRITTEN + GANESHA.format(
        path=topology.share.path,
        squash=topology.share.squash,
        clients=", ".join(clients(topology)),
        io_flusher="  allow_set_io_flusher_fail = true;\n" if version >= 5 else "",
    )
