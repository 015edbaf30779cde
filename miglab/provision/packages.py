"""Packages by the distribution's own manager, which is asked only when something is missing."""

from pyinfra import host
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.rpm import RpmPackages
from pyinfra.operations import apt, dnf

from miglab.packages import Family
from miglab.provision.context import family


def install(what: str, wanted: dict[Family, tuple[str, ...]]) -> None:
    """Installs what is missing of ``wanted``; asks no registry when nothing is."""
    kin = family(host)
    present = host.get_fact(DebPackages if kin == "debian" else RpmPackages)
    missing = [name for name in wanted[kin] if name not in present]
    name = f"Packages: {what}"
    if kin == "debian":
        apt.packages(name=name, packages=missing, no_recommends=True, update=bool(missing))
    else:  # pyinfra asks dnf who provides each package it is given, even if that is installed
        dnf.packages(name=name, packages=missing)
