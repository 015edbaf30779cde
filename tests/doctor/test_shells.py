"""Ways to hosts: whose inventory says what, and what is told of one that cannot be used."""

from pathlib import Path

import pytest

from miglab.doctor.gather import Host
from miglab.doctor.shells import own_hosts, own_shell
from miglab.errors import NodeError
from miglab.lab.own import Own, read_inventory

GOOD = """
_private = ["not-a-group"]
hypervisor = ["alice", ("bob", {"ssh_hostname": "10.0.0.2", "ssh_user": "admin", "ssh_port": 2222})]
nfs = [("store", {"ssh_key": "/key"})]
name = "not a group either"
"""


def test_an_inventory_in_pyinfra_s_form(tmp_path: Path) -> None:
    """Names alone or with data; the group, or the data, says what part a host plays."""
    (tmp_path / "site.py").write_text(GOOD)
    found = read_inventory(tmp_path / "site.py")
    assert own_hosts(found) == [
        Host(name="alice", address="alice", role="hypervisor"),
        Host(name="bob", address="10.0.0.2", role="hypervisor"),
        Host(name="store", address="store", role="nfs"),
    ]
    argv = found["bob"].argv("sudo -n sh -s")
    assert argv[0] == "ssh"
    assert argv[-4:] == ["-p", "2222", "admin@10.0.0.2", "sudo -n sh -s"]
    assert found["store"].argv("sh -s")[-4:] == ["-i", "/key", "store", "sh -s"]


def test_no_way_to_a_host_is_one_line(tmp_path: Path) -> None:
    """With ssh's own last words."""
    config = tmp_path / "config"
    config.write_text("Host *\n  ProxyCommand false\n")
    shell = own_shell({"alice": Own(name="alice", ssh_config_file=str(config))})
    with pytest.raises(NodeError, match=r"alice: cannot be asked \(255\): "):
        shell("alice", "true", 10)
