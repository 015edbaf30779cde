"""The end of a lab whose machines are gone: its connections, its network, its directory."""

import shutil

from miglab.errors import LabError
from miglab.lab import access, bootstrap, fabric
from miglab.lab.place import Place


def clear(place: Place) -> None:
    """Removes what is left; raises LabError where something holds the directory."""
    access.forget(place)
    fabric.remove_namespaces(place)
    shutil.rmtree(place.directory, ignore_errors=True)
    bootstrap.sweep()
    if place.directory.exists():
        raise LabError(f"{place.directory}: cannot be removed; is something mounted there?")
