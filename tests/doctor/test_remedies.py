"""What is printed may be typed: it harms nothing, and holds whatever a guest is called."""

import shlex
import subprocess
from pathlib import Path

import pytest

from miglab.doctor.checks.network import _opened
from miglab.doctor.diagnose import diagnose
from miglab.doctor.finding import Finding
from miglab.doctor.gather import texts
from tests.doctor.cases import ISO, LIBEXEC, NAMESAKE
from tests.doctor.recorded import Change, found, injured

ODD = Change("target", "domains", "<name>vm1</name>", "<name>vm 1; reboot</name>")
UNSAFE = Change("target", "domains", "cache='none'", "cache='unsafe'")
NFT = """#!/bin/sh
case "$1" in
  list) cat $0.chains ;;
  *) echo "nft $*" ;;
esac
"""
CHAINS = """table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
}
table ip6 other {
	chain INPUT {
		type filter hook input priority filter; policy accept;
	}
}
table ip old {
	chain INPUT {
		type filter hook input priority filter; policy accept;
	}
}
"""


def only(ident: str, *changes: Change) -> Finding:
    """The finding, of an undeclared guest, so that it may have any name."""
    facts = injured(*changes).model_copy(update={"topology": None})
    found = diagnose(facts, only=[ident]).findings
    return next(each for each in found if each.guest != "vm1" or each.where != "source → target")


def command(ident: str, *changes: Change) -> str:
    """What it prints."""
    told = only(ident, *changes).remedy.command
    assert told is not None
    return told


def test_a_guest_s_name_is_one_word() -> None:
    """Whatever is in it."""
    words = shlex.split(command("disk-cache", ODD, UNSAFE))
    assert words.count("vm 1; reboot") == 3
    seed = Change("source", "images", LIBEXEC, f"image /seed.iso absent\n{LIBEXEC}")
    ejected = command("local-media", ODD, Change("target", "domains", "</devices>", ISO), seed)
    assert shlex.split(ejected)[2:4] == ["vm 1; reboot", "/seed.iso"]


def test_a_bridge_s_name_is_one_word() -> None:
    """Whatever is in it."""
    renamed = [
        Change("target", "domains", "bridge='br0'", "bridge='br;0'"),
        Change("source", "network", "link br0 bridge up 1500", "link br;0 bridge up 1400"),
        Change("target", "network", "link br0", "link br;0"),
        Change("source", "network", "plugged ens33 br0", "plugged ens33 br;0"),
    ]
    assert shlex.split(command("bridge", *renamed)) == ["ip", "link", "set", "br;0", "mtu", "1500"]


def test_what_powers_a_guest_off_says_so() -> None:
    """And what is defined is defined anew, so that it counts for the next start too."""
    finding = only("disk-cache", UNSAFE)
    assert "powers vm1 off" in finding.remedy.what
    told = str(finding.remedy.command)
    assert told.index("virsh define") < told.index("virsh destroy vm1 && virsh start vm1")
    transient = Change("target", "domains", " yes running", " no running")
    assert "define" not in command("disk-cache", UNSAFE, transient)


def test_a_bridge_is_not_made_without_what_is_behind_it() -> None:
    """A migration would pass then, and the guest be dark."""
    missing = Change("source", "network", "link br0 bridge", "link br7 bridge")
    remedy = found(missing).findings[0].remedy
    assert (remedy.command, remedy.deploy) == (None, True)
    assert not only("bridge", missing).remedy.deploy  # nobody declared it


@pytest.mark.parametrize(
    ("state", "os", "expected"),
    [
        ("shut off", "", "virsh undefine 00000000-0000-4000-8000-000000000001"),
        ("shut off", "<os firmware='efi'/>", "… --nvram"),
        ("shut off", "<os><nvram>/x</nvram></os>", "… --nvram"),
        ("running", "", None),
    ],
)
def test_a_namesake_that_runs_is_not_undefined(state: str, os: str, expected: str | None) -> None:
    """Its NVRAM goes with one that does not."""
    text = NAMESAKE.replace("shut off", state).replace("</domain>", f"{os}</domain>")
    told = only("left-over-domain", Change("source", "domains", "", text)).remedy
    if expected is None:
        assert (told.command, "vm1 runs there" in told.what) == (None, True)
    else:
        assert str(told.command).endswith(expected.removeprefix("…"))


@pytest.mark.parametrize(
    ("units", "started"),
    [
        ("unit libvirtd inactive enabled", "libvirtd"),
        ("unit libvirtd inactive disabled\nunit virtqemud.socket inactive enabled", "virtqemud"),
        ("unit libvirtd inactive not-found\nunit virtqemud inactive disabled", "virtqemud"),
        ("unit libvirtd inactive disabled\nunit virtqemud inactive not-found", "libvirtd"),
    ],
)
def test_the_daemon_that_is_set_up_is_started(units: str, started: str) -> None:
    """One or many, by what the host says."""
    told = command("libvirt-listener", Change("source", "libvirt", "", units))
    assert told.partition(" --now ")[2].startswith(started)


@pytest.mark.parametrize(
    ("chains", "said"),
    [
        (CHAINS, ["nft insert rule inet filter input", "nft insert rule ip old INPUT"]),
        ("", ["iptables -I INPUT -s 10.0.0.1"]),
    ],
)
def test_ports_are_opened_in_every_table_that_is_asked(
    chains: str, said: list[str], tmp_path: Path
) -> None:
    """Of both families; by iptables where nftables has no say."""
    tools = {
        "nft": NFT,
        "iptables": '#!/bin/sh\necho "iptables $*"',
        "firewall-cmd": "#!/bin/sh\nexit 1",
    }
    for name, text in tools.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "nft.chains").write_text(chains)
    script = f"PATH={tmp_path}:$PATH\n{_opened('10.0.0.1')}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(words) for line, words in zip(lines, said, strict=True)), lines


@pytest.mark.parametrize("room", ["questions", "trying"])
def test_libvirt_is_never_waited_for_without_an_end(room: str) -> None:
    """Its daemon may hang, and the doctor must not."""
    for name, text in texts(room).items():
        for line in text.splitlines():
            assert "virsh -c" not in line or "within " in line.partition("virsh -c")[0], (
                name,
                line,
            )


def test_what_was_tried_leaves_no_log() -> None:
    """Of the smallest guest."""
    assert 'rm -f "/var/log/libvirt/qemu/$TOKEN.log"' in texts("trying")["end"]


def test_a_port_on_which_somebody_waits_is_left_alone(tmp_path: Path) -> None:
    """No QEMU of ours is started there, so that nobody connects to another's."""
    (tmp_path / "ss").write_text("#!/bin/sh\necho LISTEN 0 1 '*:49152' '*:*'\n")
    (tmp_path / "ss").chmod(0o755)
    script = f"PATH={tmp_path}:$PATH PATIENCE=1 TOKEN=x PORTS=49152\n{texts('trying')['listen']}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "busy 49152\n"
