"""Faults of a set-up, each made in a lab and undone: what the doctor must name."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from lxml import etree

from miglab.guest_life import first_answer, fleet, start_guest, stop_guest
from miglab.lab.access import on_node
from miglab.lab.embedded import EmbeddedLab
from miglab.lab.guest_disk import disk_path
from scenarios import faults

Ailment = Callable[[EmbeddedLab], AbstractContextManager[None]]
QEMU_CONF, LIBVIRTD_CONF = "/etc/libvirt/qemu.conf", "/etc/libvirt/libvirtd.conf"
OTHER_UUID = "6d69676c-6162-4000-8000-00000000beef"


def _hosts(lab: EmbeddedLab) -> tuple[str, str]:
    return faults.home_and_other(lab)


@contextmanager
def kept(lab: EmbeddedLab, node: str, path: str, after: str = "true") -> Iterator[None]:
    """The file is afterwards as it was, whatever the block or a remedy made of it."""
    on_node(lab.place, node, f"cp -p {path} {path}.well")
    try:
        yield
    finally:
        back = f"cat {path}.well > {path} && rm {path}.well && {{ {after}; }}"
        on_node(lab.place, node, back, seconds=faults.PATIENCE)


@contextmanager
def name_leads_home(lab: EmbeddedLab) -> Iterator[None]:
    """The tutorial's: the target's name stands beside localhost in the source's /etc/hosts."""
    source, target = _hosts(lab)
    with kept(lab, source, "/etc/hosts"):
        script = f"sed -i '/[[:space:]]{target}$/d' /etc/hosts.new; cat /etc/hosts.new > /etc/hosts"
        loop = f"echo '127.0.0.1 {target}' >> /etc/hosts"
        on_node(
            lab.place, source, f"cp /etc/hosts /etc/hosts.new; {script}; rm /etc/hosts.new; {loop}"
        )
        yield


@contextmanager
def ports_closed(lab: EmbeddedLab) -> Iterator[None]:
    """A firewall on the target that lets control pass, and says no to the rest as firewalld does.

    One that is silent would hold libvirt up for minutes: a connection that is being made cannot be
    cancelled.
    """
    _, target = _hosts(lab)
    rule = "-p tcp --dport 49152:49215 -j REJECT --reject-with icmp-admin-prohibited"
    on_node(lab.place, target, f"iptables -A INPUT {rule}")
    try:
        yield
    finally:
        on_node(lab.place, target, "iptables -F INPUT")


@contextmanager
def same_uuid(lab: EmbeddedLab) -> Iterator[None]:
    """As of a cloned machine."""
    source, target = _hosts(lab)
    with fleet(lab) as hosts:
        text = hosts.hosts[source].capabilities()
    uuid = etree.fromstring(text.encode()).findtext("host/uuid")
    with kept(lab, target, LIBVIRTD_CONF, faults.RESTART):
        script = f"sed -i '/^host_uuid *=/d' {LIBVIRTD_CONF}; echo 'host_uuid = \"{uuid}\"'"
        on_node(
            lab.place,
            target,
            f"{script} >> {LIBVIRTD_CONF}; {faults.RESTART}",
            seconds=faults.PATIENCE,
        )
        faults.await_libvirt(lab)
        yield
    faults.await_libvirt(lab)


def _restarted(lab: EmbeddedLab, change: Callable[[Any], None]) -> None:
    """The guest starts anew where it is, of a description that ``change`` has been at."""
    with fleet(lab) as hosts:
        home = hosts.home()
        domain = home.connection.lookupByName(hosts.guest)
        tree = etree.fromstring(domain.XMLDesc(2).encode())  # the inactive one, as it was defined
        change(tree)
        hosts.stop_guest()
        home.start(etree.tostring(tree, encoding="unicode"))
    first_answer(lab)


@contextmanager
def restarted(lab: EmbeddedLab, change: Callable[[Any], None]) -> Iterator[None]:
    """For as long as the block runs; afterwards it begins anew as it is made."""
    _restarted(lab, change)
    try:
        yield
    finally:
        stop_guest(lab)
        start_guest(lab, lambda _: None)


def cached_unsafely(lab: EmbeddedLab) -> AbstractContextManager[None]:
    """The guest's flushes are ignored."""

    def change(tree: Any) -> None:
        tree.find("devices/disk/driver").set("cache", "unsafe")

    return restarted(lab, change)


def _device(xml: str) -> Callable[[Any], None]:
    return lambda tree: tree.find("devices").append(etree.fromstring(xml))


@contextmanager
def _with_disk(lab: EmbeddedLab, path: str, mode: str, xml: str) -> Iterator[None]:
    """The guest has that device too, and its source alone the file behind it."""
    source, _ = _hosts(lab)
    on_node(lab.place, source, f"truncate -s 1M {path} && chmod {mode} {path}")
    try:
        with restarted(lab, _device(xml)):
            yield
    finally:
        on_node(lab.place, source, f"rm -f {path}")


def a_local_disk(lab: EmbeddedLab) -> AbstractContextManager[None]:
    """One more disk, which nobody shares."""
    path = "/var/lib/libvirt/images/scratch.img"
    xml = (
        '<disk type="file" device="disk"><driver name="qemu" type="raw" cache="none"/>'
        f'<source file="{path}"/><target dev="vdb" bus="virtio"/></disk>'
    )
    return _with_disk(lab, path, "666", xml)


def an_iso(lab: EmbeddedLab) -> AbstractContextManager[None]:
    """A seed image that only the source has."""
    path = "/var/lib/libvirt/images/seed.iso"
    xml = (
        '<disk type="file" device="cdrom"><driver name="qemu" type="raw"/>'
        f'<source file="{path}"/><target dev="sda" bus="sata"/><readonly/></disk>'
    )
    return _with_disk(lab, path, "644", xml)


@contextmanager
def image_gone(lab: EmbeddedLab) -> Iterator[None]:
    """Somebody renamed it on the server; whoever has it open writes on.

    The server is started anew, for else it may remember the old name for a minute.
    """
    storage, path = lab.topology.storage.name, disk_path(lab.topology)
    on_node(lab.place, storage, f"mv {path} {path}.away && systemctl restart nfs-ganesha")
    try:
        yield
    finally:
        on_node(lab.place, storage, f"[ -e {path} ] || mv {path}.away {path}")


@contextmanager
def other_user(lab: EmbeddedLab) -> Iterator[None]:
    """QEMU is another number on the target."""
    _, target = _hosts(lab)
    with kept(lab, target, QEMU_CONF, faults.RESTART):
        wrong = f"s/{lab.topology.share.owner}/64999/; w {QEMU_CONF}"
        script = f"sed -n '{wrong}' {QEMU_CONF}.well; {faults.RESTART}"
        on_node(lab.place, target, script, seconds=faults.PATIENCE)
        yield


@contextmanager
def image_of_root(lab: EmbeddedLab) -> Iterator[None]:
    """As after a copy by root: nobody else may open it."""
    storage, path = lab.topology.storage.name, disk_path(lab.topology)
    owner = lab.topology.share.owner
    on_node(lab.place, storage, f"chown root:root {path} && chmod 600 {path}")
    try:
        yield
    finally:
        on_node(lab.place, storage, f"chown {owner}:{owner} {path}; chmod 600 {path}")


@contextmanager
def other_emulator(lab: EmbeddedLab) -> Iterator[None]:
    """A QEMU of one's own, on the source only."""
    path = "/usr/local/bin/qemu-of-ours"
    source, target = _hosts(lab)
    on_node(lab.place, source, f"ln -sf /usr/bin/qemu-system-x86_64 {path}")

    def change(tree: Any) -> None:
        tree.find("devices/emulator").text = path

    try:
        with restarted(lab, change):
            yield
    finally:
        for node in (source, target):
            on_node(lab.place, node, f"rm -f {path}")


@contextmanager
def bridge_of_its_own(lab: EmbeddedLab) -> Iterator[None]:
    """One more interface, on a bridge that only the source has."""
    source, target = _hosts(lab)
    on_node(lab.place, source, "ip link add br9 type bridge && ip link set br9 up")
    xml = '<interface type="bridge"><source bridge="br9"/><model type="virtio"/></interface>'
    try:
        with restarted(lab, _device(xml)):
            yield
    finally:
        for node in (source, target):
            on_node(lab.place, node, "ip link del br9 2>/dev/null; true")


@contextmanager
def bridge_learns_late(lab: EmbeddedLab) -> Iterator[None]:
    """Spanning tree on the target's bridge: new ports listen and learn for 8 s."""
    _, target = _hosts(lab)
    bridge = lab.topology.network.bridge
    set_up = f"ip link set {bridge} type bridge"
    on_node(lab.place, target, f"{set_up} stp_state 1 forward_delay 400")
    try:
        yield
    finally:
        on_node(lab.place, target, f"{set_up} stp_state 0 forward_delay 200")


@contextmanager
def unknown_host_key(lab: EmbeddedLab) -> Iterator[None]:
    """The target was installed anew, or the source never met it."""
    source, _ = _hosts(lab)
    files = "/etc/ssh/ssh_known_hosts /root/.ssh/known_hosts"
    hide = f"for f in {files}; do [ -e $f ] && mv $f $f.well; done; true"
    show = f"for f in {files}; do [ -e $f.well ] && mv $f.well $f; done; true"
    on_node(lab.place, source, hide)
    try:
        yield
    finally:
        on_node(lab.place, source, show)


@contextmanager
def libvirt_off(lab: EmbeddedLab) -> Iterator[None]:
    """Stopped, and nothing would start it."""
    _, target = _hosts(lab)
    units = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service"
    stop = f"systemctl stop {units} 2>/dev/null; true"
    try:
        on_node(lab.place, target, stop, seconds=faults.PATIENCE)
        yield
    finally:
        start = "systemctl reset-failed libvirtd; systemctl start libvirtd"
        on_node(lab.place, target, start, seconds=faults.PATIENCE)
        faults.await_libvirt(lab)


@contextmanager
def a_namesake(lab: EmbeddedLab) -> Iterator[None]:
    """A guest of that name, left on the target by somebody."""
    _, target = _hosts(lab)
    xml = (
        f'<domain type="qemu"><name>{lab.topology.guest.name}</name><uuid>{OTHER_UUID}</uuid>'
        '<memory unit="MiB">16</memory><os><type arch="x86_64">hvm</type></os></domain>'
    )
    on_node(lab.place, target, "virsh define /dev/stdin", stdin=xml)
    try:
        yield
    finally:
        on_node(lab.place, target, f"virsh undefine {OTHER_UUID} 2>/dev/null; true")


@contextmanager
def not_exported(lab: EmbeddedLab) -> Iterator[None]:
    """The tutorial's: the export names another address than the target has."""
    _, target = _hosts(lab)
    node = lab.topology.node(target)
    assert node is not None
    storage, conf = lab.topology.storage.name, "/etc/ganesha/ganesha.conf"
    wrong = str(node.address + 50)
    again = "systemctl reload nfs-ganesha"
    with kept(lab, storage, conf, again):
        on_node(
            lab.place, storage, f"sed 's/{node.address}/{wrong}/g' {conf}.well > {conf} && {again}"
        )
        yield


@contextmanager
def little_memory(lab: EmbeddedLab) -> Iterator[None]:
    """What libvirt starts on the target may not have the guest's memory."""
    _, target = _hosts(lab)
    with faults.little_memory(lab, target):
        yield
