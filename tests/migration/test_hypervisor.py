"""One host's libvirt, played by the test driver that libvirt brings along."""

import json
from collections.abc import Iterator

import libvirt
import libvirt_qemu
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


def test_a_guest_that_starts_with_its_host(host: Hypervisor) -> None:
    """As often as it is said; of a guest that is not there nothing is."""
    host.set_autostart("vm1", True)
    host.start(DOMAIN.format("vm1"))
    domain = host.domain("vm1")
    assert domain is not None
    for wanted in (True, True, False, False):
        host.set_autostart("vm1", wanted)
        assert domain.autostart() == wanted


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


class _Ended:
    """A connection that the other side has closed in order."""

    def isAlive(self) -> int:  # noqa: N802 - libvirt's name
        """It is not."""
        return 0

    def close(self) -> None:
        """There is nothing to close."""
        raise libvirt.libvirtError("client socket is closed")


@pytest.mark.parametrize("lost", [_Gone, _Ended])
def test_a_lost_connection_is_opened_again(host: Hypervisor, lost: type[object]) -> None:
    """And one that is not lost is kept."""
    host.start(DOMAIN.format("vm1"))
    kept = host.connection
    assert not host.renew()
    assert host.connection is kept
    host.connection = lost()
    assert host.renew()
    assert host.has_pool("default-pool")
    assert not host.renew()


def test_a_host_that_stays_away_cannot_be_renewed(host: Hypervisor) -> None:
    """It is named."""
    host.connection, host._uri = _Gone(), "test:///nowhere/to/be/found.xml"
    with pytest.raises(HypervisorError, match=r"^here: libvirt does not answer: "):
        host.renew()
    with pytest.raises(HypervisorError, match=r"^here: libvirt does not answer: "):
        host.state_anew("vm1")
    host.connection = libvirt.open("test:///default")


def test_a_host_whose_libvirt_began_anew_is_asked_again(host: Hypervisor) -> None:
    """By a new connection: here, to one that knows of no guest."""
    host.connection = _Gone()
    assert host.state_anew("vm1").state == "absent"
    host.start(DOMAIN.format("vm1"))
    assert host.state_anew("vm1").state == "running"


@pytest.mark.parametrize(
    ("state", "reason", "word"),
    [
        (
            libvirt.VIR_DOMAIN_PAUSED,
            libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED,
            "post-copy failed",
        ),
        (
            libvirt.VIR_DOMAIN_RUNNING,
            libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED,
            "post-copy failed",
        ),
        (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION, "paused"),
        (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY, "running"),
        (99, 0, "?"),
    ],
)
def test_a_half_of_a_guest_is_told_from_a_whole(
    host: Hypervisor, monkeypatch: pytest.MonkeyPatch, state: int, reason: int, word: str
) -> None:
    """By libvirt's reason for its state."""
    host.start(DOMAIN.format("vm1"))
    with monkeypatch.context() as then:
        then.setattr(libvirt.virDomain, "state", lambda _: [state, reason])
        assert host.state("vm1").state == word


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ('{"return": {}, "id": "libvirt-7"}', None),
        (
            '{"error": {"class": "GenericError", "desc": "Invalid parameter"}}',
            "here: dirty-limit: Invalid parameter",
        ),
    ],
)
def test_qemu_is_asked_for_a_capability(
    host: Hypervisor, monkeypatch: pytest.MonkeyPatch, answer: str, problem: str | None
) -> None:
    """In its own protocol; what it has not got is told in its own words."""
    asked: list[object] = []

    def command(_: object, text: str, flags: int) -> str:
        asked.append((json.loads(text), flags))
        return answer

    host.start(DOMAIN.format("vm1"))
    monkeypatch.setattr(libvirt_qemu, "qemuMonitorCommand", command)
    if problem:
        with pytest.raises(HypervisorError) as refused:
            host.set_capability("vm1", "dirty-limit")
        assert str(refused.value) == problem
    else:
        host.set_capability("vm1", "dirty-limit")
    wanted = {"capabilities": [{"capability": "dirty-limit", "state": True}]}
    assert asked == [({"execute": "migrate-set-capabilities", "arguments": wanted}, 0)]


def test_a_host_without_qemu_has_no_capabilities(host: Hypervisor) -> None:
    """Nor has a guest that is not there."""
    said = "here: QEMU cannot be told of dirty-limit: "
    with pytest.raises(HypervisorError, match=said):
        host.set_capability("vm1", "dirty-limit")
    host.start(DOMAIN.format("vm1"))
    with pytest.raises(HypervisorError, match=said):
        host.set_capability("vm1", "dirty-limit")


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
