"""What the NFS server's configuration says, for either server; pure text from the declaration."""

from miglab.topology import Share, Topology

GANESHA = """\
# Written by miglab from the declaration: changes are overwritten.
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
    """``/etc/exports.d/miglab.exports``: one line for each client."""
    share: Share = topology.share
    options = f"rw,sync,no_subtree_check,{share.squash}"
    return "".join(f"{share.path} {client}({options})\n" for client in clients(topology))


def ganesha_config(topology: Topology, version: int) -> str:
    """``/etc/ganesha/ganesha.conf`` for ganesha's major ``version``.

    Since 5 it refuses to start where it may not mark itself as an I/O flusher (containers
    without CAP_SYS_RESOURCE) unless told that this is acceptable.
    """
    return GANESHA.format(
        path=topology.share.path,
        squash=topology.share.squash,
        clients=", ".join(clients(topology)),
        io_flusher="  allow_set_io_flusher_fail = true;\n" if version >= 5 else "",
    )
