"""Settings in a file that is not ours: each key once, everything else as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miglab.provision.settings import with_settings

LINES = st.lists(
    st.sampled_from(["", '# user = "x"', "user = 1", "  user=2", "users = 3", "group = 4"])
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "user = 9\n"),
        ("user = 1", "user = 9\n"),
        ("a = 1\n  user=1\nb = 2\n", "a = 1\nuser = 9\nb = 2\n"),
        ("user = 1\nb = 2\nuser = 3\n", "user = 9\nb = 2\n"),
        ("#user = 1\n", "#user = 1\nuser = 9\n"),
        ("superuser = 1", "superuser = 1\nuser = 9\n"),
    ],
)
def test_a_key_is_set_once(before: str, after: str) -> None:
    """In its place where it has one, at the end where it has none."""
    assert with_settings(before, {"user": "9"}) == after


@given(LINES)
def test_setting_again_changes_nothing_and_other_lines_stay(lines: list[str]) -> None:
    """Whatever is in the file."""
    text = "".join(f"{line}\n" for line in lines)
    once = with_settings(text, {"user": "9", "group": "8"})
    assert with_settings(once, {"user": "9", "group": "8"}) == once
    ours = ("user = 1", "  user=2", "group = 4", "user = 9", "group = 8")
    others = [line for line in lines if line not in ours]
    assert [line for line in once.splitlines() if line not in ours] == others
    assert once.splitlines().count("user = 9") == once.splitlines().count("group = 8") == 1
