"""A lab's nodes as somebody's own hosts: reached over their network, as a user who may use sudo."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from miglab.lab.access import host_key, on_node
from miglab.lab.lab import Lab
from miglab.lab.parallel import each

USER, POWERLESS = "admin", "nobody-much"
SETTING_UP = """\
set -e
command -v sudo >/dev/null || {{ apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends sudo; }} >/dev/null
for user in {user} {powerless}; do
    useradd --create-home --shell /bin/bash $user
    install -d -m 0700 -o $user /home/$user/.ssh
    echo '{key}' >/home/$user/.ssh/authorized_keys
done
echo '{user} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{user}
"""
CLEARING_UP = """\
rm -f /etc/sudoers.d/{user}
for user in {user} {powerless}; do pkill -u $user; userdel --remove $user; done 2>/dev/null
true
"""


@dataclass
class Strangers:
    """The nodes of ``lab``, and ``folder`` with a key, an ssh_config and inventories of them."""

    lab: Lab
    project: Path
    folder: Path

    def declare(self, name: str, hosts: list[str], *, user: str = USER, **changes: Any) -> Path:
        """An inventory of ``hosts``, and beside it the declaration with ``changes``."""
        declared = yaml.safe_load((self.project / "inventories/topology.yaml").read_text())
        for part, values in changes.items():
            declared[part] |= values
        path = self.folder / f"{name}.py"
        path.with_suffix(".yaml").write_text(yaml.safe_dump(declared))
        nodes = {node.name: node for node in self.lab.topology.nodes}
        groups: dict[str, list[Any]] = {"hypervisor": [], "nfs": []}
        for host in hosts:
            way = {
                "ssh_hostname": str(nodes[host].address),
                "ssh_user": user,
                "ssh_key": str(self.folder / "key"),
                "ssh_config_file": str(self.folder / "ssh_config"),
            }
            groups[nodes[host].role].append((host, way))
        path.write_text("".join(f"{group} = {each!r}\n" for group, each in groups.items()))
        return path

    def miglab(self, inventory: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """The command as a user types it."""
        return self.run(inventory, "miglab", *words)

    def run(self, inventory: Path, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A program of ours from inside the nodes' network, since no other leads to them."""
        program = str(Path(sys.executable).with_name(name))
        return subprocess.run(
            ["nsenter", f"--net={self.lab.place.namespace_path()}", program, *words],
            cwd=self.folder,
            env={
                **{key: text for key, text in os.environ.items() if key != "MIGLAB_TOPOLOGY"},
                "MIGLAB_LAB": "site",
                "MIGLAB_STATE": str(self.folder),
                "MIGLAB_INVENTORY": str(inventory),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120 * self.lab.patience,
            check=False,
        )


@contextmanager
def strangers(lab: Lab, project: Path) -> Iterator[Strangers]:
    """For the block; no user and no file of them is left, only sudo."""
    with TemporaryDirectory(prefix="site-") as name:  # a socket's path may not be long
        folder = Path(name)
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")]
        subprocess.run(keygen, check=True)
        key = (folder / "key.pub").read_text().strip()
        words = {"user": USER, "powerless": POWERLESS, "key": key}
        nodes = lab.topology.nodes
        known = "".join(f"{node.address} {host_key(lab.place, node)}\n" for node in nodes)
        (folder / "known_hosts").write_text(known)
        (folder / "ssh_config").write_text(f"Host *\n  UserKnownHostsFile {folder}/known_hosts\n")

        def everywhere(script: str) -> None:
            text = script.format(**words)
            each(lambda node: on_node(lab.place, node.name, text, seconds=60), nodes)

        everywhere(CLEARING_UP)
        everywhere(SETTING_UP)
        found = Strangers(lab, project, folder)
        try:
            yield found
        finally:
            found.miglab(folder / "none.py", "down")
            everywhere(CLEARING_UP)
