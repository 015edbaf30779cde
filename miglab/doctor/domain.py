"""A guest as its libvirt describes it: what a migration has to find again on the other host."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from lxml import etree

from miglab.errors import FactError
from miglab.values import Value

UNITS = {"b": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "k": 1 << 10}
HEAD = "domain "


class Disk(Value):
    """``source`` is a path, or the URL of an image that QEMU itself fetches from a server."""

    device: str
    kind: str
    source: str | None
    cache: str
    read_only: bool
    shareable: bool

    @property
    def path(self) -> str | None:
        """Where the image is as a file or device of the host; None if QEMU fetches it."""
        return self.source if self.kind in {"file", "block"} else None

    @property
    def where(self) -> str | None:
        """Its path on whichever host has it: ``nfs://server/path`` is ``/path`` on the server."""
        if self.kind == "network" and self.source and self.source.startswith("nfs://"):
            return "/" + self.source.removeprefix("nfs://").partition("/")[2]
        return self.path


class Domain(Value):
    """``state`` and whether it is ``persistent`` are virsh's words; ``xml`` is of now."""

    host: str
    name: str
    uuid: str
    state: str
    persistent: bool
    xml: str

    @property
    def running(self) -> bool:
        """Whether it can be moved live."""
        return self.state in {"running", "paused", "idle"}

    @cached_property
    def tree(self) -> Any:
        """Its description."""
        return etree.fromstring(self.xml)

    def text(self, path: str) -> str | None:
        """The first text, or attribute, that the XPath finds."""
        found = self.tree.xpath(path)
        return str(getattr(found[0], "text", None) or found[0]).strip() if found else None

    @property
    def kind(self) -> str:
        """``kvm`` or ``qemu`` (TCG)."""
        return str(self.tree.get("type"))

    @property
    def processor(self) -> str | None:
        """The model that it was promised; None for the host's own, whatever that is."""
        return self.text("./cpu/model")

    @property
    def machine(self) -> str | None:
        """Its machine type, such as ``pc-q35-7.2``."""
        return self.text("./os/type/@machine")

    @property
    def emulator(self) -> str | None:
        """The path of its QEMU."""
        return self.text("./devices/emulator")

    @cached_property
    def boot_files(self) -> tuple[str, ...]:
        """Kernel, initial RAM disk and firmware that its host starts it with."""
        found = (self.text(f"./os/{part}") for part in ("kernel", "initrd", "loader"))
        return tuple(path for path in found if path)

    @property
    def memory_bytes(self) -> int:
        """What it may use at most."""
        element = self.tree.find("memory")
        return int(element.text) * UNITS[element.get("unit", "KiB")]

    @cached_property
    def bridges(self) -> tuple[str, ...]:
        """The kernel's bridges that it is plugged into by their names.

        A network of libvirt's may have another bridge on each host; Open vSwitch has none.
        """
        plain = "./devices/interface[@type='bridge'][not(virtualport)]"
        found = self.tree.xpath(f"{plain}/source/@bridge")
        return tuple(dict.fromkeys(str(name) for name in found))

    @cached_property
    def disks(self) -> tuple[Disk, ...]:
        """Disks and removable media."""
        return tuple(map(_disk, self.tree.xpath("./devices/disk")))


def _disk(element: Any) -> Disk:
    source, driver = element.find("source"), element.find("driver")
    kind = str(element.get("type"))
    return Disk(
        device=str(element.get("device", "disk")),
        kind=kind,
        source=None if source is None else _source(kind, source),
        cache="default" if driver is None else str(driver.get("cache", "default")),
        read_only=element.find("readonly") is not None,
        shareable=element.find("shareable") is not None,
    )


def _source(kind: str, element: Any) -> str | None:
    if kind == "network":
        host = element.find("host")
        server = "" if host is None else host.get("name", "")
        return f"{element.get('protocol')}://{server}{element.get('name', '')}"
    found = element.get("file") or element.get("dev") or element.get("dir")
    return None if found is None else str(found)


def read_domains(host: str, text: str) -> tuple[Domain, ...]:
    """From the answer to ``domains``; FactError for one that cannot be read."""
    return tuple(_domain(host, block) for block in _blocks(host, text))


def _blocks(host: str, text: str) -> Iterator[list[str]]:
    block: list[str] = []
    for line in text.splitlines():
        if line.startswith(HEAD):
            if block:
                yield block
            block = [line]
        elif block:
            block.append(line)
        elif line.strip():
            raise FactError(f"{host}: domains: expected a guest, found {line.strip()[:80]!r}")
    if block:
        yield block


def _domain(host: str, block: list[str]) -> Domain:
    """``domain UUID PERSISTENT STATE``, then the XML."""
    _, uuid, persistent, state = f"{block[0]}   ".split(" ", 3)
    xml = "\n".join(block[1:]).strip()
    try:
        name = etree.fromstring(xml).findtext("name")
    except (etree.XMLSyntaxError, ValueError) as error:
        raise FactError(f"{host}: the description of a guest cannot be read: {error}") from None
    if not name:
        raise FactError(f"{host}: the description of a guest cannot be read: it has no name")
    return Domain(
        host=host, name=name, uuid=uuid, state=state.strip(), persistent=persistent == "yes",
        xml=xml,
    )  # fmt: skip
