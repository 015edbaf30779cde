"""The bridge by netplan, where it writes for systemd-networkd.

The NIC's own definition stays in whichever file it is. Ours matches the same NIC under a name that
sorts first, and networkd takes the first that matches: nothing of another's file is changed, and
what makes that file anew (Vagrant, cloud-init) changes nothing here.
"""

from collections.abc import Iterator

from miglab.provision.block import WRITTEN, write_commands
from miglab.provision.bridges.wanted import Bridge, Found, await_address, is_applied
from miglab.provision.guard import Guard

# `netplan apply` does this for networkd, and bounces or renames other interfaces on its way
APPLY = "netplan generate && networkctl reload"
PATH = "/etc/netplan/90-miglab.yaml"
CONTENT = """\
network:
  version: 2
  ethernets:
    {port}:
      renderer: networkd
      match:
        name: {nic}
      dhcp4: false
      dhcp6: false
      link-local: []
  bridges:
    {bridge}:
      renderer: networkd
      interfaces: [{port}]
      macaddress: "{mac}"
      addresses: [{address}]
      parameters:
        stp: false
"""
# netplan warns of a second default route with the same metric, though the NIC's is not taken
ROUTE = "      routes: [{{to: 0.0.0.0/0, via: {gateway}, metric: 1}}] # the gateway\n"
SERVERS = "      nameservers: {{addresses: [{servers}]}}\n"


def content(bridge: Bridge) -> str:
    """What stands in our file."""
    text = WRITTEN + CONTENT.format(
        port=f"00-{bridge.name}-port",
        nic=bridge.nic,
        bridge=bridge.name,
        mac=bridge.mac,
        address=bridge.address,
    )
    if bridge.gateway:
        text += ROUTE.format(gateway=bridge.gateway)
    if bridge.servers:
        text += SERVERS.format(servers=", ".join(bridge.servers))
    return text


def guard(bridge: Bridge, found: Found) -> Guard:
    """Nobody else takes away a bridge that no file names any more."""
    made = bridge.name not in found
    return Guard(
        name=bridge.name,
        paths=(PATH,),
        release=f"ip link delete {bridge.name}" if made else "",
        restore=f"{APPLY}; networkctl reconfigure {bridge.nic}",
    )


def commands(bridge: Bridge, present: str | None, found: Found) -> Iterator[str]:
    """Writes the file if it differs; applies it, or what is there if the interfaces drifted."""
    wanted = content(bridge)
    yield from write_commands(PATH, present, wanted, "0600")
    if present != wanted or not is_applied(bridge, found):
        yield APPLY
        if bridge.name in found:
            yield f"networkctl reconfigure {bridge.name} {bridge.nic}"
        yield await_address(bridge)
