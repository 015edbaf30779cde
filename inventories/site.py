"""Your own hosts as an inventory: an example to change, together with site.yaml beside it.

For `miglab … --lab site` and `pyinfra inventories/site.py deploy.py`. Each host has the name that
site.yaml gives it, and how it is reached, by the keys of pyinfra's ``@ssh``:

    ssh_hostname     another name or address than its own
    ssh_user         who logs in; another than root needs sudo that asks no password
    ssh_port         another port than 22
    ssh_key          a private key
    ssh_config_file  instead of your own ~/.ssh/config

What is left out is as in your ssh_config. Host keys must be known: log in once by hand. Nothing is
asked, so a password is of no use.
"""

from pathlib import Path as _Path

from miglab.lab.inventory import own as _own

_here = _Path(__file__)

hypervisor = _own(
    _here,
    {
        "kvm1": {"ssh_hostname": "192.0.2.121", "ssh_user": "admin"},
        "kvm2": {"ssh_hostname": "192.0.2.161", "ssh_user": "admin", "ssh_port": 22},
    },
)
# The server of a share that exists need not be here, unless our own guest is to be put on it.
storage = _own(_here, {"store": {"ssh_hostname": "192.0.2.100"}})
