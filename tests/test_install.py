"""scripts/install.sh on machines that are not like this one; all it asks are stand-ins."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "install.sh"
TOOLS = (
    "awk",
    "basename",
    "bash",
    "cat",
    "dirname",
    "env",
    "flock",
    "id",
    "sha256sum",
    "sort",
    "tr",
    "xargs",
)
PYTHON = 'echo "/usr/bin/python3 - 3.13.0"'
HALF_PYTHON = 'echo "/usr/bin/python3 venv,dev 3.13.0"'


class Machine:
    """A directory of programs that is the whole PATH, and a copy of the project to install."""

    def __init__(self, root: Path) -> None:
        self.bin, self.project = root / "bin", root / "project"
        (self.project / "scripts").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(SCRIPT, self.project / "scripts")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.project / name).write_text("")
        for name in TOOLS:
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def has(self, **programs: str) -> None:
        """Puts programs there: name (with _ for -) and what they do, in shell."""
        for name, script in programs.items():
            path = self.bin / name.replace("_", "-")
            path.unlink(missing_ok=True)
            path.write_text(f"#!{self.bin}/bash\n{script}\n")
            path.chmod(0o700)

    def install(self, *before: Path, purpose: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the script, with the directories ``before`` ahead on the PATH."""
        return subprocess.run(
            [self.project / "scripts" / "install.sh", *filter(None, [purpose])],
            env={"PATH": ":".join(map(str, [*before, self.bin]))},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a new Python and, so far, no package manager."""
    mine = Machine(tmp_path)
    mine.has(python3=PYTHON)
    return mine


def test_what_only_root_may_do_is_one_line(machine: Machine) -> None:
    """Without root the missing packages are named and nothing is tried."""
    machine.has(
        apt_get="echo touched >&2; exit 1",
        dpkg_query='for p; do case $p in -*|*{*|gcc|runc) ;; *) echo "$p installed" ;; esac; done',
        id="echo 1000",
    )
    done = machine.install()
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "missing, and only root can install: runc gcc\n"


def test_exactly_what_is_missing_is_installed(machine: Machine) -> None:
    """One update, one installation, of what is missing or only half configured."""
    machine.has(
        apt_get='echo "apt-get $*"',
        dpkg="true",
        dpkg_query=(
            'for p; do case $p in -*|*{*|gcc) ;; runc) echo "runc half-configured" ;;'
            ' *) echo "$p installed" ;; esac; done'
        ),
        id="echo 0",
        python3=HALF_PYTHON,
    )
    calls = [line for line in machine.install().stderr.splitlines() if line.startswith("apt-get")]
    assert [line.split(" -q ")[1] for line in calls] == [
        "update",
        "install -y --no-install-recommends runc gcc python3-dev python3-venv",
    ]


@pytest.mark.parametrize(
    ("purpose", "missing"),
    [
        ("", "gcc"),
        ("tests", "gcc chromium-driver"),
        ("pictures", "gcc virt-manager"),
        ("vagrant", "gcc vagrant"),
    ],
)
def test_a_browser_is_for_tests_only(machine: Machine, purpose: str, missing: str) -> None:
    """A lab needs none, and no virt-manager either."""
    machine.has(
        dpkg="true",
        apt_get="exit 1",
        dpkg_query=(
            "for p; do case $p in -*|*{*|gcc|chromium-driver|virt-manager|vagrant) ;;"
            ' *) echo "$p installed" ;; esac; done'
        ),
        id="echo 1000",
    )
    done = machine.install(purpose=purpose)
    assert done.stderr == f"missing, and only root can install: {missing}\n"


@pytest.mark.parametrize("fails", ["update", "install"])
def test_a_failing_apt_is_one_last_line(machine: Machine, fails: str) -> None:
    """Its own words come first, ours last, and the code is that of a broken lab."""
    machine.has(
        apt_get=f'case $* in *{fails}*) echo "E: no network" >&2; exit 100 ;; esac',
        dpkg="true",
        dpkg_query="exit 1",
        id="echo 0",
    )
    done = machine.install()
    assert done.returncode == 4
    *_, words, last = done.stderr.splitlines()
    assert words == "E: no network"
    assert last.startswith("apt-get ")


@pytest.mark.parametrize(
    ("manager", "asks", "line"),
    [
        (
            "dnf",
            "rpm",
            "missing here; install with: dnf install openssh-clients libvirt-devel python3-devel",
        ),
        (
            "zypper",
            "rpm",
            "missing here; install with: zypper install"
            " openssh-clients libvirt-devel python3-devel",
        ),
    ],
)
def test_families_of_rpm_are_told(machine: Machine, manager: str, asks: str, line: str) -> None:
    """By that family's names, and nothing is installed."""
    machine.has(
        **{
            manager: "echo touched; exit 1",
            asks: "case $2 in openssh-clients|libvirt-devel) exit 1 ;; esac",
            "python3": 'echo "/usr/bin/python3 dev 3.13.0"',
        }
    )
    done = machine.install()
    assert (done.returncode, done.stderr) == (4, f"{line}\n")


def test_pacman_is_told_by_looking_for_commands(machine: Machine) -> None:
    """What is there is not named, what is not is, by Arch's names."""
    machine.has(pacman="exit 1", podman="true", ssh="true", pkg_config="exit 1")
    done = machine.install()
    assert done.returncode == 4
    named = done.stderr.removeprefix("missing here; install with: pacman -S ").split()
    assert {"openbsd-netcat", "libvirt", "procps-ng"} <= set(named)
    assert not {"podman", "openssh", "pkgconf"} & set(named)


def test_an_unknown_distribution_gets_debians_names(machine: Machine) -> None:
    """Better a name to search for than none."""
    done = machine.install()
    assert done.returncode == 4
    assert done.stderr.startswith("missing here, by their Debian names: podman ")


def test_an_old_python_is_named(machine: Machine) -> None:
    """What was expected and what was found."""
    machine.has(
        apt_get="true",
        dpkg="true",
        dpkg_query='for p; do echo "$p installed"; done',
        id="echo 0",
        python3='[ "$1" = --version ] && echo "Python 3.9.2" || exit 1',
    )
    done = machine.install()
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == (
        "python: expected 3.11 or newer as python3, python3.13, .12 or .11, found Python 3.9.2"
    )


def test_nothing_is_done_where_nothing_is_missing(machine: Machine) -> None:
    """The environment is made once, anew when a pin changes, and anew when it was interrupted."""
    fake_venv = (
        'if [ "$1" = -m ]; then mkdir -p .venv/bin .venv/wheels; : >.venv/wheels/x.whl;'
        ' printf "#!%s\\n" "$(command -v bash)" >.venv/bin/pip; cp .venv/bin/pip .venv/bin/python;'
        " chmod 700 .venv/bin/*; else " + PYTHON.replace("/usr/bin", str(machine.bin)) + "; fi"
    )
    for name in ("mkdir", "cp", "chmod", "rm"):
        (machine.bin / name).symlink_to(str(shutil.which(name)))
    machine.has(
        apt_get="exit 1", dpkg_query='for p; do echo "$p installed"; done', python3=fake_venv
    )
    made, nothing = "making .venv from requirements.lock\n", ""

    def expect(said: str, *active: Path) -> None:
        done = machine.install(*active)
        assert (done.returncode, done.stderr, done.stdout) == (0, said, "")

    expect(made)
    expect(nothing)
    (machine.project / "requirements.lock").write_text("pin==1\n")
    expect(made)
    expect(nothing)
    (machine.project / ".venv" / "installed").unlink()
    expect(made)
    # An activated environment must not be taken for the Python that it is to be made of.
    environment = machine.project / ".venv" / "bin"
    (environment / "python3").symlink_to("python")
    expect(nothing, environment)
    expect(nothing, environment, environment)
    (machine.project / "requirements.lock").write_text("pin==2\n")
    expect(made, environment)
