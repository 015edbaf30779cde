"""Interfaces as they are found, and commands made short enough to compare."""

import json
from typing import Any

from miglab.provision.bridges.wanted import Bridge, Found

MAC = "02:00:c0:a8:50:79"
BRIDGE = Bridge(name="br0", nic="ens33", mac=MAC, address="192.168.80.121/24")


def link(*addresses: str, master: str | None = None, mac: str = MAC, kind: str = "") -> Found:
    """What is found of one interface."""
    return {
        "it": {
            "addresses": list(addresses),
            "master": master,
            "mac": mac,
            "kind": kind or None,
            "leased": [],
            "static6": [],
            "over": None,
        }
    }


NIC_ONLY: Found = {"ens33": link("192.168.80.121/24")["it"]}
APPLIED: Found = {
    "ens33": link(master="br0")["it"],
    "br0": link("192.168.80.121/24", kind="bridge")["it"],
}
NO_ADDRESS = APPLIED | {"br0": link(kind="bridge")["it"]}
SECOND_ADDRESS = APPLIED | {"br0": link("192.168.80.121/24", "10.0.0.1/8", kind="bridge")["it"]}
NO_PORT = APPLIED | {"ens33": link()["it"]}
AWAIT = (
    "timeout 15 sh -c 'until ip -4 address show dev br0 2>/dev/null | grep -q 192.168.80.121/24;"
    " do sleep 0.1; done' || { echo 'br0 did not get 192.168.80.121/24' >&2; exit 1; }"
)


def written(commands: list[str]) -> list[str]:
    """``commands`` with each file that is written as its path alone."""
    short = [each.rpartition(" > ")[2] if "printf" in each else each for each in commands]
    return [each for each in short if not each.startswith("chmod")]


def links(found: Found) -> str:
    """What ``ip -j -d address`` prints for ``found``."""
    return json.dumps(
        [
            {
                "ifname": name,
                "address": each["mac"],
                **({"master": each["master"]} if each["master"] else {}),
                **({"linkinfo": {"info_kind": each["kind"]}} if each["kind"] else {}),
                **({"link": each["over"]} if each["over"] else {}),
                "addr_info": [
                    *(known(each, "inet", address) for address in each["addresses"]),
                    *(known(each, "inet6", address) for address in each["static6"]),
                ],
            }
            for name, each in found.items()
        ]
    )


def known(link: dict[str, Any], family: str, address: str) -> dict[str, Any]:
    """One address as ``ip -j`` prints it."""
    local, length = address.split("/")
    leased = {"dynamic": True} if address in link["leased"] else {}
    said = {"family": family, "local": local, "prefixlen": int(length), "scope": "global"}
    return {**said, **leased}
