"""The lab's network: a namespace with a bridge, a cable to each node, and a way out for apt.

The lab's addresses exist inside these namespaces only; the machine's own network is never touched.
"""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import AF_INET
from typing import TYPE_CHECKING, TypeVar

import psutil

from miglab.deadline import Deadline
from miglab.errors import LabError
from miglab.lab.command import end, require, run
from miglab.lab.namespace import inside
from miglab.lab.place import NETNS, Place
from miglab.topology import Network, Node

if TYPE_CHECKING:  # it takes long to import, and most commands make no network
    from pyroute2 import IPRoute

T = TypeVar("T")
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
    from pyroute2 import NetlinkError

    try:
        yield
    except (NetlinkError, OSError) as error:
        raise LabError(f"{what}: the network cannot be made: {error}") from None


def _netlink(namespace: str, action: "Callable[[IPRoute], T]") -> T:
    """``action`` with a line to the kernel for the network of ``namespace``, in a thread in there.

    pyroute2's own NetNS (and its creation of namespaces) forks; with threads about, that deadlocks.
    """
    from pyroute2 import IPRoute

    def speak() -> T:
        with IPRoute() as line:
            return action(line)

    return inside(NETNS / namespace, speak)


def _has(name: str) -> "Callable[[IPRoute], bool]":
    return lambda line: bool(line.link_lookup(ifname=name))


def ensure_fabric(place: Place, network: Network) -> bool:
    """Makes what is missing of the fabric, step by step: any of them may have been the last one."""
    changed = ensure_outside(place)
    with _naming(place.fabric):
        changed |= _netlink(place.fabric, lambda line: _ensure_bridge(line, network))
    run(["ip", "netns", "exec", place.fabric, "nft", "-f", "-"], about=place.fabric, stdin=RULES)
    return changed


def ensure_outside(place: Place) -> bool:
    """Makes the fabric's namespace, empty, with a way out; whether any of it was missing."""
    with _naming(place.fabric):
        changed = ensure_namespace(place.fabric)
        _netlink(place.fabric, lambda line: line.link("set", index=1, state="up"))
        connected = _netlink(place.fabric, _has(UPLINK))
    if not connected:
        _connect(place)
    forward = ["sysctl", "-qw", "net.ipv4.ip_forward=1"]
    run(["ip", "netns", "exec", place.fabric, *forward], about=place.fabric)
    return changed or not connected


def _ensure_bridge(line: "IPRoute", network: Network) -> bool:
    found = line.link_lookup(ifname=BRIDGE)
    if not found:
        line.link("add", ifname=BRIDGE, kind="bridge")
        found = line.link_lookup(ifname=BRIDGE)
    (bridge,) = found
    has = [a.get_attr("IFA_ADDRESS") for a in line.get_addr(index=bridge, family=AF_INET)]
    if has == [str(network.gateway)]:
        return False
    line.flush_addr(index=bridge)
    line.link("set", index=bridge, state="up")
    length = network.subnet.prefixlen  # the address comes last: it tells that all is done
    line.addr("add", index=bridge, address=str(network.gateway), prefixlen=length)
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
    if (NETNS / name).exists():
        _remove_namespace(name)
    run(["ip", "netns", "add", name], about=name)


def _remove_namespace(name: str) -> None:
    run(["ip", "netns", "delete", name], about=name)


def _connect(place: Place) -> None:
    """User-mode NAT out of the fabric: no address, route or rule on the machine itself."""
    for process in uplinks(place):
        end(process)
    require("slirp4netns", about=place.fabric)
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

    Deadline(10).until(
        lambda: _netlink(place.fabric, _has(UPLINK)),
        lambda: LabError(f"{place.fabric}: slirp4netns made no {UPLINK} within 10 s"),
    )


def uplinks(place: Place) -> Iterator[psutil.Process]:
    """The slirp4netns processes of this lab, also one whose namespace was removed under it."""
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or [""]
        if Path(command[0]).name == "slirp4netns" and str(place.namespace_path()) in command:
            yield process


def ensure_cable(place: Place, network: Network, node: Node) -> bool:
    """Plugs ``node`` into the fabric by a veth pair; whether it was unplugged."""
    theirs = place.node(node.name)
    with _naming(theirs):
        near = _netlink(place.fabric, lambda line: line.link_lookup(ifname=node.name))
        if near and _netlink(theirs, lambda line: _far_end(line, network.nic)) == near[0]:
            return False
        _netlink(theirs, lambda line: _unplug(line, network.nic))
        _netlink(place.fabric, lambda line: _plug(line, theirs, network, node))
        _netlink(theirs, lambda line: _switch_on(line, network.nic))
    return True


def _far_end(line: "IPRoute", name: str) -> int | None:
    """The index, in the other namespace, of what the cable from ``name`` leads to."""
    for index in line.link_lookup(ifname=name):
        (link,) = line.get_links(index)
        return int(link.get_attr("IFLA_LINK") or 0)
    return None


def _unplug(line: "IPRoute", name: str) -> None:
    """Removes the link; one whose other end went with its namespace may vanish meanwhile."""
    from pyroute2 import NetlinkError

    for index in line.link_lookup(ifname=name):
        try:
            line.link("del", index=index)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise


def _plug(line: "IPRoute", theirs: str, network: Network, node: Node) -> None:
    _unplug(line, node.name)
    (bridge,) = line.link_lookup(ifname=BRIDGE)
    peer = {"ifname": network.nic, "address": node.nic_mac, "net_ns_fd": theirs}
    line.link("add", ifname=node.name, kind="veth", peer=peer)
    (port,) = line.link_lookup(ifname=node.name)
    line.link("set", index=port, master=bridge, state="up")


def _switch_on(line: "IPRoute", name: str) -> None:
    (nic,) = line.link_lookup(ifname=name)
    line.link("set", index=nic, state="up")


def remove_namespaces(place: Place) -> None:
    """Ends the uplink and removes every namespace of the lab, cables and all."""
    for process in uplinks(place):
        end(process)
    for name in place.namespaces():
        _remove_namespace(name)
