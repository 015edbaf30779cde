"""A lab that breaks is healed once; if that fails the rest is skipped with the first cause."""

import pytest

BREAKS = """
    from miglab.errors import GuestError, LabError, NodeError

    def test_breaks(lab):
        lab.is_up = False
        raise NodeError("source: no answer over ssh")

    def test_next(lab):
        assert lab.ups == 1

    def test_without(): pass

    def test_last(lab): pass
"""


def test_a_broken_lab_is_healed(suite: pytest.Pytester) -> None:
    """The test that saw it fails and says what was done; the next one has a lab."""
    suite.makepyfile(BREAKS)
    result = suite.runpytest()
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*source: did not answer; the lab was healed"])
    result.stdout.fnmatch_lines(["lab fake: making sure of the network"])


def test_one_that_cannot_be_healed_is_told_once(suite: pytest.Pytester) -> None:
    """What needs no lab runs on."""
    suite.makepyfile(BREAKS.replace("is_up = False", "is_up = lab.heals = False"))
    result = suite.runpytest("-rs")
    result.assert_outcomes(passed=1, failed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "SKIPPED [[]2] *the lab is lost: source: no answer over ssh (seen by *::test_breaks;"
            " it could not be healed: source: no answer over ssh within 60 s)"
        ]
    )


def test_a_lab_that_is_up_is_left_alone(suite: pytest.Pytester) -> None:
    """Not every error of the lab's is the lab's end."""
    suite.makepyfile(
        """
        from miglab.errors import LabError
        def test_refused(lab): raise LabError("vm1: is on target already")
        def test_next(lab): assert lab.ups == 0
        """
    )
    suite.runpytest().assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize("error", ["LabError", "UsageError", "RuntimeError"])
def test_a_lab_that_never_was_is_told_once(suite: pytest.Pytester, error: str) -> None:
    """By one error, of one line if it is one of ours; every other test is skipped."""
    suite.makepyfile(f"""
        import pytest
        from miglab.errors import LabError, UsageError
        @pytest.fixture(scope="session")
        def lab():
            raise {error}("lab x: in use by process 7")
        def test_one(lab): pass
        def test_two(lab): pass
        def test_three(lab): pass
    """)
    result = suite.runpytest("-rs")
    result.assert_outcomes(errors=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED [[]2] *the lab is lost: lab x: in use by process 7"])
    assert ("raise " in result.stdout.str()) == (error == "RuntimeError")


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_error_of_ours_in_a_fixture_is_one_line(suite: pytest.Pytester, when: str) -> None:
    """Before the test or after it."""
    lines = {"before": ["fail()", "yield"], "after": ["yield", "fail()"]}[when]
    suite.makepyfile(f"""
        import pytest
        from miglab.errors import EvidenceError
        def fail(): raise EvidenceError("ping.csv: cut off")
        @pytest.fixture
        def own():
            {lines[0]}
            {lines[1]}
        def test_it(own): pass
    """)
    result = suite.runpytest()
    result.assert_outcomes(errors=1, passed=int(when == "after"))
    result.stdout.fnmatch_lines(["ping.csv: cut off"])
    assert "raise EvidenceError" not in result.stdout.str()


def test_a_guest_left_dead_is_started_for_the_next_test(suite: pytest.Pytester) -> None:
    """Before that test's own fixtures."""
    suite.makepyfile("""
        import pytest
        @pytest.fixture
        def own(guest): assert guest.answers()
        def test_kills(guest): guest.is_silent = True
        def test_next(own, guest): assert guest.starts == 1
        def test_last(guest): assert guest.starts == 1
    """)
    suite.runpytest().assert_outcomes(passed=3)


def test_a_guest_that_runs_and_is_silent_is_started_anew(suite: pytest.Pytester) -> None:
    """Its silence was the failed test's finding, and is nobody else's."""
    suite.makepyfile("""
        import pytest
        from miglab import guest_life
        from miglab.errors import GuestError
        did = []
        guest_life.stop_guest = lambda lab: did.append("stop")
        guest_life.start_guest = lambda lab, say: did.append("start")
        def test_silent(guest):
            guest.is_silent = True
            raise GuestError("guest 192.168.80.50: no answer")
        def test_next(guest): assert did == ["stop", "start"]
    """)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the guest did not answer; it was started anew"])
