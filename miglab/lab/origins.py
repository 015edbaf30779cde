"""The lab that a name stands for, wherever its nodes come from."""

from miglab.lab import embedded
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lab import Lab, Say
from miglab.lab.place import Place
from miglab.topology import Topology


def lab_of(place: Place, topology: Topology) -> Lab:
    """By the first word of its name: ``vagrant``, ``site``, any other is an embedded lab."""
    match place.origin:
        case "vagrant":
            from miglab.lab.vagrant import VagrantLab

            return VagrantLab(place, topology)
        case "site":
            from miglab.lab.site import SiteLab

            return SiteLab(place, topology)
        case "embedded":
            return EmbeddedLab(place, topology)


def take_down(place: Place, say: Say) -> None:
    """Removes the lab; no declaration is needed to find what is its own."""
    match place.origin:
        case "vagrant":
            from miglab.lab import vagrant

            vagrant.take_down(place, say)
        case "site":
            from miglab.lab import site

            site.take_down(place, say)
        case "embedded":
            embedded.take_down(place, say)
