"""The lab's network: a namespace with a bridge, a cable to each node, and a way out for apt.

The lab's addresses exist inside these namespaces only; the machine's own network is never touched.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_INET

import psutil
from pyroute2 import NetlinkError, NetNS, netns

from miglab.deadline import Deadline
from miglab.errors import LabError
from miglab.lab.command import run
from miglab.lab.place import NETNS, Place
from miglab.topology import Network, Node

BRIDGE = "lan"
UPLINK = "tap0"

# Where br_netfilter is loaded, frames between two ports of the bridge pass "through" as well.
RULES = f"""
table ip miglab
flush table ip miglab
table ip miglab {{
  chain out {{
    type nat hook postrouting priority srcnat;
    oifname "{UPLINK}" masquerade;
  }}
  chain through {{
    type filter hook forward priority filter; policy drop;
    iifname "{BRIDGE}" oifname {{ "{BRIDGE}", "{UPLINK}" }} accept;
    iifname "{UPLINK}" oifname "{BRIDGE}" ct state established,related accept;
  }}
}}
"""


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """What the kernel refuses in the block is said of ``what``."""
    try:
        yield
    except (NetlinkError, OSError) as error:
        raise LabError(f"{what}: the network cannot be made: {error}") from None


def ensure_fabric(place: Place, network: Network) -> bool:
    """Makes what is missing of the fabric, step by step: any of them may have been the last one."""
    with _naming(place.fabric):
        changed = ensure_namespace(place.fabric)
    with _naming(place.fabric), NetNS(place.fabric) as namespace:
        changed |= _ensure_bridge(namespace, network)
        connected = bool(namespace.link_lookup(ifname=UPLINK))
    if not connected:
        _connect(place)
    _let_through(place)
    return changed or not connected


def _ensure_bridge(namespace: NetNS, network: Network) -> bool:
    found = namespace.link_lookup(ifname=BRIDGE)
    if not found:
        namespace.link("set", index=1, state="up")
        namespace.link("add", ifname=BRIDGE, kind="bridge")
        found = namespace.link_lookup(ifname=BRIDGE)
    (bridge,) = found
    has = [a.get_attr("IFA_ADDRESS") for a in namespace.get_addr(index=bridge, family=AF_INET)]
    if has == [str(network.gateway)]:
        return False
    namespace.flush_addr(index=bridge)
    namespace.link("set", index=bridge, state="up")
    length = network.subnet.prefixlen  # the address comes last: it tells that all is done
    namespace.addr("add", index=bridge, address=str(network.gateway), prefixlen=length)
    return True


def ensure_namespace(name: str) -> bool:
    """Makes the named namespace if it is missing; whether it was.

    A name without a namespace behind it is what an interrupted creation leaves.
    """
    if os.path.ismount(NETNS / name):
        return False
    renew_namespace(name)
    return True


def renew_namespace(name: str) -> None:
    """A namespace of that name with nothing in it: what a machine finds when it is switched on."""
    if name in netns.listnetns():
        netns.remove(name)
    netns.create(name)


def _connect(place: Place) -> None:
    """User-mode NAT out of the fabric: no address, route or rule on the machine itself."""
    for process in uplinks(place):
        process.kill()
    subprocess.run(  # setsid forks: the uplink outlives this process and is nobody's child
        [
            *("setsid", "--fork", "slirp4netns", "--configure", "--disable-host-loopback"),
            *("--netns-type=path", str(place.namespace_path()), UPLINK),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )

    def appeared() -> bool:
        with NetNS(place.fabric) as namespace:
            return bool(namespace.link_lookup(ifname=UPLINK))

    Deadline(10).until(
        appeared, lambda: LabError(f"{place.fabric}: slirp4netns made no {UPLINK} within 10 s")
    )


def _let_through(place: Place) -> None:
    """Forwarding and its rules, inside the fabric only; applying them again changes nothing."""
    enter = ["ip", "netns", "exec", place.fabric]
    run([*enter, "sysctl", "-qw", "net.ipv4.ip_forward=1"], about=place.fabric)
    run([*enter, "nft", "-f", "-"], about=place.fabric, stdin=RULES)


def uplinks(place: Place) -> Iterator[psutil.Process]:
    """The slirp4netns processes of this lab, also one whose namespace was removed under it."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or [""]
        if Path(command[0]).name == "slirp4netns" and str(place.namespace_path()) in command:
            yield process


def ensure_cable(place: Place, network: Network, node: Node) -> bool:
    """Plugs ``node`` into the fabric by a veth pair; whether it was unplugged."""
    with _naming(place.node(node.name)):
        return _ensure_cable(place, network, node)


def _ensure_cable(place: Place, network: Network, node: Node) -> bool:
    if _plugged(place, network, node):
        return False
    with NetNS(place.node(node.name)) as theirs:
        for index in theirs.link_lookup(ifname=network.nic):
            theirs.link("del", index=index)
    with NetNS(place.fabric) as fabric:
        for index in fabric.link_lookup(ifname=node.name):
            fabric.link("del", index=index)
        (bridge,) = fabric.link_lookup(ifname=BRIDGE)
        fabric.link(
            "add",
            ifname=node.name,
            kind="veth",
            peer={
                "ifname": network.nic,
                "address": node.nic_mac,
                "net_ns_fd": place.node(node.name),
            },
        )
        (port,) = fabric.link_lookup(ifname=node.name)
        fabric.link("set", index=port, master=bridge, state="up")
    with NetNS(place.node(node.name)) as theirs:
        (nic,) = theirs.link_lookup(ifname=network.nic)
        theirs.link("set", index=nic, state="up")
    return True


def _plugged(place: Place, network: Network, node: Node) -> bool:
    """Whether both ends of the cable are there and each is the other's."""
    with NetNS(place.fabric) as fabric, NetNS(place.node(node.name)) as theirs:
        ours = fabric.link_lookup(ifname=node.name)
        other = theirs.link_lookup(ifname=network.nic)
        if not ours or not other:
            return False
        (link,) = theirs.get_links(other[0])
        return bool(link.get_attr("IFLA_LINK") == ours[0])


def remove_namespaces(place: Place) -> None:
    """Ends the uplink and removes every namespace of the lab, cables and all."""
    for process in uplinks(place):
        process.kill()
    for name in place.namespaces():
        netns.remove(name)
