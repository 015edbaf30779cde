"""One host's libvirt, played by the test driver that libvirt brings along."""

from collections.abc import Iterator

import libvirt
import pytest

from miglab.errors import HypervisorError
from miglab.migration import hypervisor
from miglab.migration.hypervisor import Hypervisor

DOMAIN = (
    "<domain type='test'><name>{}</name><memory>8192</memory><os><type>hvm</type></os></domain>"
)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hypervisor]:
    """A host of its own for each test: ``test`` runs on it."""
    monkeypatch.setattr(hypervisor, "ensure_event_loop", lambda: None)
    monkeypatch.setattr(libvirt.virConnect, "setKeepAlive", lambda *_: 0)
    libvirt.registerErrorHandler(lambda *_: None, None)
    opened = Hypervisor("here", "test:///default")
    yield opened
    opened.remove("vm1")
    opened.close()


def test_a_guest_that_is_not_there(host: Hypervisor) -> None:
    """Neither an error nor a domain."""
    assert host.domain("vm1") is None
    assert host.state("vm1").state == "absent"
    host.remove("vm1")


def test_a_guest_that_runs(host: Hypervisor) -> None:
    """Started, found, named by its type, and removed without a trace."""
    host.start(DOMAIN.format("vm1"))
    found = host.state("vm1")
    assert (found.host, found.state, found.persistent) == ("here", "running", True)
    domain = host.domain("vm1")
    assert domain is not None
    assert host.domain_type(domain) == "test"
    domain.suspend()
    assert host.state("vm1").state == "paused"
    domain.destroy()
    assert host.state("vm1").state == "shut off"
    host.remove("vm1")
    assert host.state("vm1").state == "absent"


def test_a_definition_that_is_none_is_refused(host: Hypervisor) -> None:
    """With the host's name and libvirt's reason."""
    with pytest.raises(HypervisorError, match="here: the guest does not start: "):
        host.start("<domain/>")


def test_a_guest_that_does_not_start_leaves_no_definition(
    host: Hypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or it would be in the way of every later migration to here."""

    def refuse(_: object) -> None:
        raise libvirt.libvirtError("no memory left")

    monkeypatch.setattr(libvirt.virDomain, "create", refuse)
    with pytest.raises(HypervisorError, match="the guest does not start: no memory left"):
        host.start(DOMAIN.format("vm1"))
    assert host.state("vm1").state == "absent"


def test_what_a_host_has(host: Hypervisor) -> None:
    """Capabilities, versions, a pool that is there and one that is not."""
    assert host.capabilities().startswith("<capabilities>")
    assert all(version.count(".") == 2 for version in host.versions().values())
    assert host.has_pool("default-pool")
    assert not host.has_pool("kvmshare")


@pytest.mark.parametrize("ask", ["capabilities", "versions", "host_cpu"])
def test_a_host_that_went_away_is_an_error(host: Hypervisor, ask: str) -> None:
    """Whatever it is asked, in one line with its name."""
    host.connection = _Gone()
    with pytest.raises(HypervisorError, match=r"^here: .*: client socket is closed$"):
        getattr(host, ask)()
    with pytest.raises(HypervisorError, match=r"^here: vm1: client socket is closed$"):
        host.state("vm1")
    host.connection = libvirt.open("test:///default")


class _Gone:
    """A connection that broke."""

    def __getattr__(self, _: str) -> object:
        raise libvirt.libvirtError("client socket is closed")


def test_a_host_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the connection is opened."""
    monkeypatch.setattr(hypervisor, "ensure_event_loop", lambda: None)
    with pytest.raises(HypervisorError, match=r"^there: libvirt does not answer: "):
        Hypervisor("there", "test:///nowhere/to/be/found.xml")


def test_the_cpu_of_a_baseline(host: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its model, and what it has to do without."""
    text = (
        "<cpu><model fallback='forbid'>Skylake</model><feature policy='require' name='ss'/>"
        "<feature policy='disable' name='hle'/></cpu>"
    )
    monkeypatch.setattr(libvirt.virConnect, "baselineHypervisorCPU", lambda *_: text)
    cpu = host.baseline_cpu(["<cpu/>"])
    assert (cpu.model, cpu.disabled) == ("Skylake", ("hle",))


def test_the_host_s_cpu(host: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the domain capabilities give it, or an error where they give none."""
    mode = "<mode name='host-model' supported='yes'><model>Skylake</model></mode>"
    text = f"<domainCapabilities><cpu>{mode}</cpu></domainCapabilities>"
    monkeypatch.setattr(libvirt.virConnect, "getDomainCapabilities", lambda *_: text)
    assert "<model>Skylake</model>" in host.host_cpu()
    monkeypatch.setattr(libvirt.virConnect, "getDomainCapabilities", lambda *_: "<d><cpu/></d>")
    with pytest.raises(HypervisorError, match="here: libvirt names no CPU model for KVM"):
        host.host_cpu()
