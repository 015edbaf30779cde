"""What the firewall that a host has lets in."""

import json
from typing import Any

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from miglab.provision.facts.system import YesNo


class PolicyActive(YesNo):
    """Whether firewalld has our policy in force."""

    def command(self) -> str:
        """Asks the daemon, not its files."""
        return "firewall-cmd --get-policies 2>/dev/null | grep -qw miglab && echo yes || echo no"


class UfwRules(FactBase[list[str] | None]):
    """The rules that were added to ufw, without its name; None where it is not active."""

    def command(self) -> str:
        """Its unit is active even where it is switched off, so it is asked itself."""
        return "LC_ALL=C ufw status 2>/dev/null | head -n 1; ufw show added 2>/dev/null; true"

    def process(self, output: list[str]) -> list[str] | None:
        """``ufw allow …`` lines."""
        if not output or output[0].strip() != "Status: active":
            return None
        return [line.strip().removeprefix("ufw ") for line in output if line.startswith("ufw ")]


class Ruleset(FactBase[list[dict[str, Any]]]):
    """nftables' rules in force, as the objects of its JSON."""

    default = list

    def command(self) -> str:
        """Nothing where there is no nft."""
        return "nft -j list ruleset 2>/dev/null || true"

    def process(self, output: list[str]) -> list[dict[str, Any]]:
        """Raises FactProcessError when it is no JSON."""
        try:
            return [dict(entry) for entry in json.loads("\n".join(output) or "{}")["nftables"]]
        except (ValueError, TypeError, KeyError):
            said = output[0][:80] if output else ""
            raise FactProcessError(f"`nft -j`: expected a list of rules, found {said!r}") from None
