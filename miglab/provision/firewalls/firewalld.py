"""firewalld: one policy of ours, for whatever comes to this host, in whichever zone its NIC is.

A rule in a zone would be lost when the NIC changes its zone, as it may when a bridge goes over it.
"""

from collections.abc import Iterator

from miglab.provision.block import WRITTEN, write_commands
from miglab.provision.firewalls.openings import Opening

PATH = "/etc/firewalld/policies/miglab.xml"
POLICY = """\
<?xml version="1.0" encoding="utf-8"?>
<!--
{written}-->
<policy priority="-100" target="CONTINUE">
  <ingress-zone name="ANY"/>
  <egress-zone name="HOST"/>
{rules}</policy>
"""
RULE = """\
  <rule family="ipv4">
    <source address="{source}"/>
    <port port="{port}" protocol="tcp"/>
    <accept/>
  </rule>
"""


def policy(wanted: tuple[Opening, ...]) -> str:
    """The policy as a file; what it does not accept goes on to the zones as ever."""
    rules = (RULE.format(source=each.source, port=port) for each in wanted for port in each.ports)
    return POLICY.format(written=WRITTEN, rules="".join(rules))


def commands(wanted: tuple[Opening, ...], present: str | None, active: bool) -> Iterator[str]:
    """Writes the policy if it differs, and has it take effect if it is not ``active``.

    What was only in force, and written down nowhere, ends with a reload; libvirt's own rules come
    back by themselves.
    """
    text = policy(wanted)
    yield from write_commands(PATH, present, text, "0644")
    if present != text or not active:
        yield "firewall-cmd --quiet --check-config && firewall-cmd --quiet --reload"
