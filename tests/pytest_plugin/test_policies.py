"""Tests about ways of moving: chosen by name; what cannot be had is skipped unless asked for."""

import pytest

TESTS = """
    import pytest

    def test_any(): pass

    @pytest.mark.policy("precopy")
    def test_precopy(): pass

    @pytest.mark.policy("postcopy")
    def test_postcopy(unsupported):
        unsupported("postcopy", "userfaultfd is denied")

    @pytest.mark.parametrize("name", [
        pytest.param(name, marks=pytest.mark.policy(name)) for name in ("tls", "multifd-2")
    ])
    def test_each(name): pass
"""


@pytest.fixture
def tests(pytester: pytest.Pytester) -> pytest.Pytester:
    """Tests about several policies, and one about none."""
    pytester.makepyfile(TESTS)
    return pytester


def test_what_cannot_be_had_is_skipped_with_the_reason(tests: pytest.Pytester) -> None:
    """In the words of who refused."""
    result = tests.runpytest("-rs")
    result.assert_outcomes(passed=4, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*postcopy: cannot be had here: userfaultfd is denied"])


def test_asked_for_by_name_it_fails(tests: pytest.Pytester) -> None:
    """In one line, and tests about other policies are left out."""
    result = tests.runpytest("--lab-policy", "postcopy")
    result.assert_outcomes(passed=1, failed=1, deselected=3)
    line = "--lab-policy postcopy: cannot be had here: userfaultfd is denied"
    result.stdout.fnmatch_lines([line])


def test_several_may_be_asked_for(tests: pytest.Pytester) -> None:
    """By parameter too."""
    result = tests.runpytest("--lab-policy", "precopy", "--lab-policy", "tls")
    result.assert_outcomes(passed=3, deselected=2)
