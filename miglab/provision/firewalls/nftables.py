"""nftables: what one table accepts another may still drop, so the rule goes into whoever drops.

Our rules are a chain of their own, in the table that drops, and a jump to it before anything else
there. nftables' own configuration includes both at its end, once its tables are made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from miglab.provision.block import WRITTEN, with_block, write_commands
from miglab.provision.firewalls.openings import Opening

PATH = "/etc/nftables.d/miglab.nft"
INCLUDE = f'include "{PATH}"'
FAMILIES = ("inet", "ip")
PASSIVE = {"counter", "log", "limit"}  # what may stand before a verdict that all meet
Entry = dict[str, Any]  # an object of nft's JSON


@dataclass(frozen=True)
class Chain:
    """Where packets to this host may end: ``inet filter input``."""

    family: str
    table: str
    name: str

    def __str__(self) -> str:
        """As nft wants it."""
        return f"{self.family} {self.table} {self.name}"


def dropping(ruleset: list[Entry]) -> list[Chain]:
    """The chains on the way to this host that end in a drop for whatever they do not know."""
    chains = [entry["chain"] for entry in ruleset if "chain" in entry]
    rules = [entry["rule"] for entry in ruleset if "rule" in entry]
    return [
        Chain(each["family"], each["table"], each["name"])
        for each in chains
        if each.get("hook") == "input" and each["family"] in FAMILIES
        if each.get("policy") == "drop" or any(_ends_all(rule, each) for rule in rules)
    ]


def _ends_all(rule: Entry, chain: Entry) -> bool:
    """Whether ``rule`` of ``chain`` drops or rejects everything that comes to it."""
    here = (rule["family"], rule["table"], rule["chain"])
    words = {next(iter(each)) for each in rule.get("expr", []) if each} - PASSIVE
    return here == (chain["family"], chain["table"], chain["name"]) and words in (
        {"drop"},
        {"reject"},
    )


def content(chains: list[Chain], wanted: tuple[Opening, ...]) -> str:
    """What is included: our chain beside each that drops, and the jump to it."""
    text = WRITTEN
    for chain in chains:
        ours = f"{chain.family} {chain.table} miglab"
        text += f"add chain {ours}\nflush chain {ours}\n"
        for each in wanted:
            ports = ", ".join(each.ports)
            text += f"add rule {ours} ip saddr {each.source} tcp dport {{ {ports} }} accept\n"
        text += f"insert rule {chain} jump miglab\n"
    return text


def problem(path: str, main: str | None) -> str | None:
    """Why the rules cannot be made to last, in a line; None if they can."""
    if main is None:
        return f"expected nftables' rules in {path}, found no such file"
    if "flush ruleset" not in main:
        return (
            f"expected `flush ruleset` in {path}, without which rules that are loaded again double"
        )
    return None


def commands(
    path: str, main: str, present: str | None, wanted: tuple[Opening, ...], ruleset: list[Entry]
) -> Iterator[str]:
    """Writes the rules and their inclusion, and has them take effect without emptying anything.

    A chain that has our jump already gets no second one.
    """
    chains = dropping(ruleset)
    text = content(chains, wanted)
    included = with_block(main, [INCLUDE])
    yield from write_commands(PATH, present, text, "0644")
    yield from write_commands(path, main, included, f"--reference={path}")
    missing = [chain for chain in chains if not _jumps(ruleset, chain)]
    if present != text or missing:
        there = [chain for chain in chains if chain not in missing]
        skip = "".join(f" -e '^insert rule {chain} '" for chain in there)
        yield f"grep -v{skip} {PATH} | nft -f -" if skip else f"nft -f {PATH}"


def _jumps(ruleset: list[Entry], chain: Chain) -> bool:
    """Whether our jump is in ``chain``."""
    return any(
        {"jump": {"target": "miglab"}} in rule.get("expr", [])
        for rule in (entry["rule"] for entry in ruleset if "rule" in entry)
        if (rule["family"], rule["table"], rule["chain"]) == (chain.family, chain.table, chain.name)
    )
