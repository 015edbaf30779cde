"""The embedded lab as pyinfra's inventory. ``MIGLAB_LAB`` and ``MIGLAB_TOPOLOGY`` choose another.

Names begin with an underscore because pyinfra takes every public list of this file for a group.
"""

from pathlib import Path as _Path

from miglab.lab.inventory import groups as _groups

nfs, hypervisor = _groups("default", _Path(__file__).with_name("topology.yaml"))
