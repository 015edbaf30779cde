"""Options, settings and markers; a wrong word is refused before anything is collected."""

from pathlib import Path

import pytest

ORIGINS = ("embedded", "vagrant", "site")
DEADLINE, SETUP_DEADLINE = "lab_deadline_seconds", "lab_setup_deadline_seconds"
MARKERS = (
    "slow: slow by its nature; its deadline bounds it",
    "measured: claims milliseconds, so it has to run alone on the machine",
    "policy(name): about that way of moving; --lab-policy chooses",
    "deadline(seconds): fails when it takes longer, and says where it stood",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options on the command line, and settings in pytest's own file."""
    group = parser.getgroup("miglab", "live-migration lab")
    group.addoption("--lab", choices=ORIGINS, default="embedded", help="where nodes come from")
    group.addoption(
        "--lab-name",
        metavar="NAME",
        help="which lab (default: scenarios; of virtual machines vagrant, or else vagrant-NAME)",
    )
    group.addoption(
        "--lab-topology",
        type=Path,
        help="the declaration (default: inventories/topology.yaml, here or else miglab's own)",
    )
    group.addoption("--lab-inventory", type=Path, help="your own hosts, for --lab site")
    group.addoption("--lab-keep", action="store_true", help="leave the lab up at the end")
    group.addoption(
        "--lab-report",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="where runs are recorded, and the page of all of them (default: runs)",
    )
    group.addoption(
        "--lab-policy",
        action="append",
        default=[],
        metavar="NAME",
        help="of tests about policies those about this one, which must be possible; repeatable",
    )
    parser.addini(DEADLINE, "seconds for one test that uses the lab", type="float", default=300.0)
    parser.addini(
        SETUP_DEADLINE,
        "seconds for what outlives a test: the lab, its images, its end",
        type="float",
        default=1800.0,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Registers markers; raises pytest's UsageError for what cannot be done."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if profile := config.getoption("--hypothesis-profile", None):
        _require_profile(str(profile))
    origin, inventory = config.getoption("--lab"), config.getoption("--lab-inventory")
    if origin != "site" and inventory is not None:
        raise pytest.UsageError(f"--lab-inventory: expected with --lab site, found --lab {origin}")
    if inventory is not None and not (config.rootpath / inventory).exists():
        raise pytest.UsageError(
            f"--lab-inventory: expected an inventory, found no file {inventory}"
        )
    if origin == "site" and inventory is None:
        _require_inventory(config.rootpath)


def _require_inventory(root: Path) -> None:
    from miglab.lab.own import inventory_path

    if not (path := root / inventory_path()).exists():
        raise pytest.UsageError(f"--lab site: expected --lab-inventory, or your hosts in {path}")


def _require_profile(name: str) -> None:
    """Ours are known to every suite; of others Hypothesis itself would end with a traceback."""
    from miglab.strategies import is_profile, register_profiles

    register_profiles()
    if not is_profile(name):
        raise pytest.UsageError(
            f"--hypothesis-profile: expected one that is registered, such as ci; found {name}"
        )
