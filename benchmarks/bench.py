"""The lab that is measured: its own, and the commands a user would type."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.transcript import Transcript, record
from miglab.declaration import load
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.lab import machine_memory
from miglab.lab.place import Place

ROOT = Path(__file__).parents[1]
TOPOLOGY = ROOT / "inventories" / "topology.yaml"
BIN = Path(sys.executable).parent


@dataclass
class Bench:
    """The lab ``name``; ``ready`` and ``guest`` bring about what a figure needs, once."""

    name: str = "bench"
    _deployed: bool = False
    _started: bool = False

    @property
    def place(self) -> Place:
        """Its names and paths."""
        return Place(self.name)

    @property
    def lab(self) -> EmbeddedLab:
        """For what is read of it in this process."""
        return EmbeddedLab(self.place, load(TOPOLOGY, machine_memory()))

    def environment(self) -> dict[str, str]:
        """The commands' environment: which lab, and progress line by line."""
        chosen = {"MIGLAB_LAB": self.name, "MIGLAB_TOPOLOGY": str(TOPOLOGY)}
        return {**os.environ, **chosen, "PYTHONUNBUFFERED": "1"}

    def miglab(self, *words: str, codes: tuple[int, ...] = (0,)) -> Transcript:
        """``miglab WORDS``."""
        return record([str(BIN / "miglab"), *words], env=self.environment(), codes=codes)

    def pyinfra(self) -> Transcript:
        """``pyinfra inventories/lab.py deploy.py -y``."""
        files = [str(ROOT / "inventories" / "lab.py"), str(ROOT / "deploy.py")]
        return record([str(BIN / "pyinfra"), *files, "-y"], env=self.environment())

    def pytest(self, *words: str) -> Transcript:
        """``pytest WORDS`` on this lab, which stays."""
        chosen = ["--lab-name", self.name, "--lab-topology", str(TOPOLOGY), "--lab-keep"]
        return record([str(BIN / "pytest"), *words, *chosen], env=self.environment())

    def down(self) -> None:
        """Takes the lab away; the next figure has to bring it up again."""
        self._deployed = self._started = False
        self.miglab("down")

    def deployed(self) -> None:
        """Up and provisioned."""
        if not self._deployed:
            self.pyinfra()
            self._deployed = True

    def started(self) -> None:
        """Provisioned, and the guest runs."""
        self.deployed()
        if not self._started:
            self.miglab("guest", "start")
            self._started = True


def python_seconds(*modules: str) -> float:
    """How long Python takes to start and import ``modules``."""
    code = f"import {', '.join(modules)}"
    return record([sys.executable, "-c", code], env={**os.environ}).seconds
