"""What a program on the screen says of itself, by AT-SPI, and a picture of it.

Run by the distribution's own Python, which has GTK's bindings and no virtual environment has:
``look.py list | press ROLE NAME ACTION | picture TITLE FILE``. Exit code 1: it is not there (yet).
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
gi.require_version("Gdk", "3.0")
from gi.repository import Atspi, Gdk, GLib  # noqa: E402 - versions are asked for before

HOST = "QEMU/KVM: "


def every(node: Any) -> Iterator[tuple[str, str, Any]]:
    """Role, name and handle of a widget that is shown and of all in it; one may go meanwhile."""
    try:
        role, name, below = node.get_role_name(), node.get_name(), node.get_child_count()
        yield role, name, node
        for number in range(below):
            yield from every(node.get_child_at_index(number))
    except (GLib.Error, AttributeError):
        return


def shown(role: str, name: str) -> Any:
    """The first widget of that role whose name's first line is ``name``."""
    for is_role, is_name, node in every(Atspi.get_desktop(0)):
        if (is_role, is_name.split("\n")[0]) == (role, name):
            return node
    sys.exit(1)


def listed() -> dict[str, dict[str, str]]:
    """Of virt-manager's list: by host, its guests and their states."""
    hosts: dict[str, dict[str, str]] = {}
    for role, name, _ in every(shown("tree table", "vm-list")):
        if role == "table cell" and name.startswith(HOST):
            hosts[name.removeprefix(HOST)] = {}
        elif role == "table cell" and "\n" in name:
            guest, state = name.split("\n")
            hosts[[*hosts][-1]][guest] = state
    return hosts


def press(role: str, name: str, action: str) -> None:
    """Does as a hand would: ``click`` a button, ``activate`` a row, which is chosen by that."""
    node = shown(role, name)
    Atspi.Component.grab_focus(node)
    for number in range(node.get_n_actions()):
        if Atspi.Action.get_action_name(node, number) == action:
            node.do_action(number)
            return
    sys.exit(1)


def picture(title: str, path: str) -> None:
    """The window's place on the screen, as PNG."""
    Gdk.init([])
    place = Atspi.Component.get_extents(shown("frame", title), Atspi.CoordType.SCREEN)
    root = Gdk.get_default_root_window()
    found = Gdk.pixbuf_get_from_window(root, place.x, place.y, place.width, place.height)
    found.savev(path, "png", ["compression"], ["9"])


def main(words: list[str]) -> None:
    """A window that goes while it is looked at is not there."""
    try:
        match words:
            case ["list"]:
                sys.stdout.write(json.dumps(listed()))
            case ["press", role, name, action]:
                press(role, name, action)
            case ["picture", title, path]:
                picture(title, path)
    except GLib.Error:
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
