"""A policy's name: a word for each value that is not as always, joined by ``+``; and back again."""

import re
from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from miglab.values import size_text

PLAIN = "precopy"


class Part(NamedTuple):
    """How ``field`` shows in a name: ``{}`` stands for its value, a form without it for ``value``.

    ``size``: the value is in bytes. ``modest``: it says how far, and not by which way.
    """

    field: str
    form: str
    value: object = True
    size: bool = False
    modest: bool = False

    def text(self, value: Any) -> str | None:
        """The word for that value, if this is the part that has one."""
        if "{}" in self.form:
            return self.form.format(size_text(value) if self.size else value)
        return self.form if value == self.value else None

    def read(self, word: str) -> object | None:
        """The value, as it may be written in a declaration, if ``word`` is of this form."""
        if "{}" not in self.form:
            return self.value if word == self.form else None
        found = re.fullmatch(re.escape(self.form).replace(r"\{\}", "(.+)"), word)
        return found.group(1) if found else None


# A word is read by the first part that it fits, so what has a longer form comes before.
PARTS = (
    Part("mode", "postcopy", "postcopy"),
    Part("mode", "offline", "offline"),
    Part("postcopy_after_rounds", "after-{}-rounds"),
    Part("postcopy_after_ms", "after-{}ms"),
    Part("auto_converge", "auto-converge"),
    Part("auto_converge_initial_pct", "throttle-{}%"),
    Part("auto_converge_increment_pct", "more-{}%"),
    Part("dirty_limit", "dirty-limit"),
    Part("streams", "multifd-{}"),
    Part("zero_copy", "zero-copy"),
    Part("compression", "xbzrle", "xbzrle"),
    Part("compression", "zlib", "zlib"),
    Part("compression", "zstd", "zstd"),
    Part("xbzrle_cache", "cache-{}", size=True),
    Part("bandwidth_postcopy", "postcopy-{}/s", size=True),
    Part("bandwidth", "{}/s", size=True, modest=True),
    Part("downtime_ms_max", "limit-{}ms", modest=True),
    Part("tls", "tls"),
    Part("peer_to_peer", "p2p"),
    Part("tunnelled", "tunnelled"),
    Part("copy_storage", "copy-storage", "full"),
    Part("copy_storage", "copy-storage-inc", "incremental"),
    Part("persist_target", "transient", False, modest=True),
    Part("undefine_source", "keep-source", False, modest=True),
)


def name_of(values: Mapping[str, object], unusual: Set[str]) -> str:
    """The name of a policy with ``values``, made of those that are ``unusual``."""
    telling = [part for part in PARTS if part.field in unusual]
    words = [(part, part.text(values[part.field])) for part in telling]
    said = [(part, word) for part, word in words if word]
    plain = [PLAIN] if all(part.modest for part, _ in said) else []
    return "+".join([*plain, *(word for _, word in said)])


def values_of(name: str) -> dict[str, object]:
    """The values that a name tells, to be validated; raises ValueError for what is no name."""
    values: dict[str, object] = {}
    for word in name.split("+"):
        if word == PLAIN:
            continue
        field, value = _read(word)
        if field in values:
            raise ValueError(f"expected {field} once, found {word!r} besides")
        values[field] = value
    return values


def _read(word: str) -> tuple[str, object]:
    for part in PARTS:
        if (value := part.read(word)) is not None:
            return part.field, value
    raise ValueError(f"expected words joined by +, such as {words_text()}; found {word!r}")


def words_text() -> str:
    """All the words there are, for people."""
    return ", ".join([PLAIN, *(part.form.replace("{}", "N") for part in PARTS)])
