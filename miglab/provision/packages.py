"""Packages by the distribution's own manager, whose lists are refreshed only when something is missing."""

from pyinfra import host
from pyinfra.facts.deb import DebPackages
from pyinfra.operations import apt, dnf

from miglab.packages import Family
from miglab.provision.context import family


def install(what: str, wanted: dict[Family, tuple[str, ...]]) -> None:
    """Installs what is missing of ``wanted``; asks no registry when nothing is."""
    kin = family(host)
    names = list(wanted[kin])
    if kin == "debian":
        missing = set(names) - set(host.get_fact(DebPackages))
        apt.packages(
            name=f"Packages: {what}", packages=names, no_recommends=True, update=bool(missing)
        )
    else:
        dnf.packages(name=f"Packages: {what}", packages=names)
