"""Where the files to boot from lie, and what decides it."""

import pytest

from miglab.guest import boot
from miglab.guest.boot import boot_directory, payload_digest, payload_sources


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The sources, which a test may change without anybody else noticing."""
    changeable = dict(payload_sources())
    monkeypatch.setattr(boot, "payload_sources", lambda: changeable)
    return changeable


def test_all_that_is_compiled_counts(sources: dict[str, bytes]) -> None:
    """Sources, their header and the script that builds them."""
    assert {"init.c", "echo.c", "payload.h", "build.sh"} <= set(sources)
    assert all(name.endswith((".c", ".h", ".sh")) for name in sources)


def test_the_directory_is_named_by_thesources(sources: dict[str, bytes]) -> None:
    """A changed line is another place, the line changed back the old one."""
    before = boot_directory()
    kept = sources["init.c"]
    sources["init.c"] += b"\n"
    assert boot_directory() != before
    sources["init.c"] = kept
    assert boot_directory() == before
    assert str(before) == f"/var/lib/miglab/boot/{payload_digest()}"


def test_a_renamed_source_is_another_payload(sources: dict[str, bytes]) -> None:
    """Names count, and where one file ends and the next begins."""
    before = payload_digest()
    sources["a.c"] = sources.pop("init.c")
    assert payload_digest() != before
