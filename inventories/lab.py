"""The embedded lab as pyinfra's inventory. ``MIGLAB_LAB`` and ``MIGLAB_TOPOLOGY`` choose another.

Names begin with an underscore because pyinfra takes every public list of this file for a group.
"""

import os as _os
from pathlib import Path as _Path

from miglab.lab.place import Place as _Place
from miglab.provision.inventory import declared as _declared
from miglab.provision.inventory import hosts as _hosts

_path = _Path(_os.environ.get("MIGLAB_TOPOLOGY", _Path(__file__).with_name("topology.yaml")))
_lab = _Place(_os.environ.get("MIGLAB_LAB", "default")).name
_topology = _declared(_path)

nfs = _hosts("@lab", _lab, _path, [_topology.storage])
hypervisor = _hosts("@lab", _lab, _path, _topology.hypervisors)
