"""How a host's interfaces are, and how NetworkManager would make them after a reboot."""

import json
from typing import Any

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase


class Interfaces(FactBase[dict[str, dict[str, Any]]]):
    """By interface: ``addresses`` (with prefix length), ``master``, ``mac``."""

    default = dict

    def command(self) -> str:
        """iproute2's own JSON."""
        return "ip -j address show"

    def process(self, output: list[str]) -> dict[str, dict[str, Any]]:
        """Only what a bridge is made of; raises FactProcessError when it is no JSON."""
        try:
            links = [dict(link) for link in json.loads("\n".join(output) or "[]")]
            return {link["ifname"]: _interface(link) for link in links if "ifname" in link}
        except (ValueError, TypeError, KeyError, AttributeError):
            said = output[0][:80] if output else ""
            raise FactProcessError(f"`ip -j`: expected a list of links, found {said!r}") from None


def _interface(link: dict[str, Any]) -> dict[str, Any]:
    inet = [entry for entry in link.get("addr_info", []) if entry.get("family") == "inet"]
    return {
        "addresses": [f"{entry['local']}/{entry['prefixlen']}" for entry in inet],
        "master": link.get("master"),
        "mac": link.get("address"),
    }


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
