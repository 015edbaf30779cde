"""Packages by the distribution's own manager, which is asked only when something is missing."""

from collections.abc import Generator
from typing import Any

from pyinfra import host
from pyinfra.api.operation import operation
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.rpm import RpmPackages
from pyinfra.operations import apt, dnf

from miglab.packages import Family
from miglab.provision.context import family


def install(what: str, wanted: dict[Family, tuple[str, ...]]) -> None:
    """Installs what is missing of ``wanted``; asks no registry when nothing is."""
    installed(name=f"Packages: {what}", wanted=wanted[family(host)])


@operation()
def installed(wanted: tuple[str, ...]) -> Generator[Any]:
    """``wanted`` are there; the long list of what is there already is read once, not twice."""
    kin = family(host)
    present = host.get_fact(DebPackages if kin == "debian" else RpmPackages)
    missing = [name for name in wanted if name not in present]
    if not missing:
        host.noop("all packages are there")
    elif kin == "debian":
        yield from apt.packages._inner(packages=missing, no_recommends=True, update=True)
    else:  # pyinfra asks dnf who provides each package it is given, even if that is installed
        yield from dnf.packages._inner(packages=missing)
