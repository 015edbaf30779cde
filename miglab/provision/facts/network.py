"""How a host's interfaces are, and who makes them so after a reboot."""

import json
import re
from typing import Any

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from miglab.provision.facts.system import YesNo


class OurBridge(YesNo):
    """Whether the bridge of that name is of our making, by whichever network manager."""

    def command(self, bridge: str) -> str:
        """In files that carry our mark, or our name for the connection of its port."""
        profiles = f"/etc/NetworkManager/system-connections/{bridge}-*.nmconnection"
        files = f"/etc/systemd/network/10-{bridge}.netdev /etc/netplan/90-miglab.yaml"
        return (
            f"{{ grep -qsF 'Written by miglab' {files}"
            f" || grep -qsxF '# BEGIN miglab' /etc/network/interfaces || ls {profiles}; }}"
            " >/dev/null 2>&1 && echo yes || echo no"
        )


class Interfaces(FactBase[dict[str, dict[str, Any]]]):
    """By interface: ``addresses`` (with prefix length), ``master``, ``mac``, ``kind``.

    Besides, what a bridge over it would not take over: ``leased`` says which of its addresses came
    by DHCP, ``static6`` are its global IPv6 addresses that did not come by themselves, and ``over``
    is the interface that it lies over, as a VLAN does.
    """

    default = dict

    def command(self) -> str:
        """iproute2's own JSON."""
        return "ip -j -d address show"

    def process(self, output: list[str]) -> dict[str, dict[str, Any]]:
        """Only what a bridge is made of; raises FactProcessError when it is no JSON."""
        try:
            links = [dict(link) for link in json.loads("\n".join(output) or "[]")]
            return {link["ifname"]: _interface(link) for link in links if "ifname" in link}
        except (ValueError, TypeError, KeyError, AttributeError):
            said = output[0][:80] if output else ""
            raise FactProcessError(f"`ip -j`: expected a list of links, found {said!r}") from None


def _interface(link: dict[str, Any]) -> dict[str, Any]:
    known = link.get("addr_info", [])
    inet = [entry for entry in known if entry.get("family") == "inet"]
    lasting = [each for each in known if each.get("scope") == "global" and not each.get("dynamic")]
    return {
        "addresses": [_address(entry) for entry in inet],
        "leased": [_address(entry) for entry in inet if entry.get("dynamic")],
        "static6": [_address(entry) for entry in lasting if entry.get("family") == "inet6"],
        "over": link.get("link"),
        "master": link.get("master"),
        "mac": link.get("address"),
        "kind": link.get("linkinfo", {}).get("info_kind"),
    }


def _address(entry: dict[str, Any]) -> str:
    return f"{entry['local']}/{entry['prefixlen']}"


class StaticRoutes(FactBase[list[str]]):
    """Where else than to its own network and the world a NIC leads by somebody's choice."""

    default = list

    def command(self, nic: str) -> str:
        """What the kernel and DHCP made comes back by itself; link-local ones lead nowhere."""
        return (
            f"ip -4 route show dev {nic} 2>/dev/null"
            " | grep -vE '^(default|169[.]254[.])|proto (kernel|dhcp|ra|redirect)' || true"
        )

    def process(self, output: list[str]) -> list[str]:
        """``10.1.0.0/16 via 192.168.80.2 proto static``: the first word of each."""
        return [line.split()[0] for line in output if line.strip()]


class DefaultRoutes(FactBase[set[str]]):
    """The interfaces by which this host's default routes lead."""

    default = set

    def command(self) -> str:
        """Main table only; in iproute2's plain words."""
        return "ip -4 route show default"

    def process(self, output: list[str]) -> set[str]:
        """``default via 192.168.80.1 dev ens33 proto static``."""
        words = (line.split() for line in output)
        return {line[line.index("dev") + 1] for line in words if "dev" in line[:-1]}


class NameServers(FactBase[list[str]]):
    """The name servers that systemd-resolved has from ``links``, the first link's first."""

    default = list

    def command(self, links: tuple[str, ...]) -> str:
        """Nothing where there is no systemd-resolved, or no such link."""
        asked = "; ".join(f"resolvectl dns {link} 2>/dev/null" for link in links)
        return f"{asked}; true"

    def process(self, output: list[str]) -> list[str]:
        """``Link 2 (ens33): 192.168.80.1 fe80::1``, each once."""
        found = (line.partition("): ")[2].split() for line in output)
        return list(dict.fromkeys(server for servers in found for server in servers))


class Ruler(FactBase[str | None]):
    """Which network manager rules a NIC; None where none says so."""

    def command(self, nic: str) -> str:
        """Each is asked about the NIC itself: more than one may run, each for NICs of its own."""
        return (
            "systemctl is-active --quiet systemd-networkd &&"
            f" networkctl --no-pager status {nic} 2>/dev/null"
            " | sed -n 's/^ *Network File: /networkd /p';"
            f" nmcli -g GENERAL.STATE device show {nic} 2>/dev/null | sed 's/^/NetworkManager /';"
            f" ifquery {nic} >/dev/null 2>&1 && echo ifupdown; true"
        )

    def process(self, output: list[str]) -> str | None:
        """A file that netplan made is netplan's; NetworkManager also shows what it only sees."""
        for line in output:
            manager, _, says = line.strip().partition(" ")
            if manager == "networkd" and says.startswith("/"):
                return "netplan" if "/10-netplan-" in says else "networkd"
            if manager == "NetworkManager" and not re.search("unmanaged|externally", says):
                return "NetworkManager"
            if manager == "ifupdown":
                return "ifupdown"
        return None


class Connection(FactBase[dict[str, str]]):
    """The settings of one of NetworkManager's connections; empty if there is none of that name."""

    default = dict

    def command(self, connection: str) -> str:
        """Prints nothing for a connection that does not exist."""
        return f"nmcli -t -e no connection show '{connection}' 2>/dev/null || true"

    def process(self, output: list[str]) -> dict[str, str]:
        """``bridge.stp:no`` lines; the values of a MAC or of IPv6 have colons themselves."""
        pairs = (line.partition(":") for line in output if ":" in line)
        return {key.strip(): value.strip() for key, _, value in pairs}
