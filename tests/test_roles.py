"""Which parts of a deploy are wanted."""

import pytest

from miglab.errors import UsageError
from miglab.roles import ROLES, chosen


def test_all_or_those_named() -> None:
    """Blanks around a word do not matter."""
    assert chosen(None) == set(ROLES)
    assert chosen("trust, names") == {"names", "trust"}


@pytest.mark.parametrize("text", ["", "names,", "nmaes", "Names"])
def test_another_word_is_refused(text: str) -> None:
    """In one line that lists what there is."""
    with pytest.raises(UsageError, match=r"--only: expected some of names, .*, found '") as error:
        chosen(text)
    assert "\n" not in str(error.value)
