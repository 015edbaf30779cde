"""A test of a lab that takes too long fails, and says where it stood."""

import pytest

WAIT = "threading.Event().wait()"


def test_a_test_that_waits_for_ever_fails(suite: pytest.Pytester) -> None:
    """With the line of the test, and the next test runs."""
    suite.makepyfile(f"""
        import threading, pytest
        @pytest.mark.deadline(0.2)
        def test_waits():
            {WAIT}
        def test_next(): pass
    """)
    result = suite.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["deadline of 0.2 s passed; it stood at */threading.py:* wait ←*"])
    result.stdout.fnmatch_lines(["*← test_a_test_that_waits_for_ever_fails.py:4 test_waits"])


@pytest.mark.parametrize("phase", ["before", "in", "after"])
def test_what_uses_the_lab_has_the_usual_one(suite: pytest.Pytester, phase: str) -> None:
    """In set-up, call and teardown; a test without a lab is left alone."""
    waits = {each: WAIT if each == phase else "pass" for each in ("before", "in", "after")}
    suite.makepyfile(f"""
        import threading, pytest
        @pytest.fixture
        def own(lab):
            {waits["before"]}
            yield
            {waits["after"]}
        def test_waits(own):
            {waits["in"]}
        def test_without():
            threading.Event().wait(0.3)
    """)
    result = suite.runpytest("-o", "lab_deadline_seconds=0.2")
    passed = 2 if phase == "after" else 1
    errors = 0 if phase == "in" else 1
    result.assert_outcomes(passed=passed, failed=1 - errors, errors=errors)
    result.stdout.fnmatch_lines(["deadline of 0.2 s passed; it stood at *"])


def test_what_outlives_the_test_is_not_on_its_account(suite: pytest.Pytester) -> None:
    """It has a bound of its own, and the time is not taken from the test."""
    suite.makepyfile("""
        import threading, pytest
        @pytest.fixture(scope="session")
        def lab():
            threading.Event().wait(0.5)
        @pytest.fixture(scope="module")
        def side(lab):
            threading.Event().wait(1.5)
        def test_one(lab): pass
        def test_two(request, lab):
            request.getfixturevalue("side")
    """)
    bounds = ["-o", "lab_deadline_seconds=0.3", "-o", "lab_setup_deadline_seconds=1"]
    result = suite.runpytest(*bounds)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["deadline of 1 s passed; it stood at *"])


def test_set_up_and_call_share_it(suite: pytest.Pytester) -> None:
    """Two halves of a second are a second."""
    suite.makepyfile("""
        import threading, pytest
        @pytest.fixture
        def own():
            threading.Event().wait(0.6)
        @pytest.mark.deadline(1)
        def test_it(own):
            threading.Event().wait(0.6)
    """)
    suite.runpytest().assert_outcomes(failed=1)


def test_what_no_signal_reaches_ends_with_all_threads_told(suite: pytest.Pytester) -> None:
    """As where a library waits in C."""
    suite.makepyfile("""
        import signal, threading, pytest
        from miglab.pytest_plugin import deadline
        deadline.GRACE_SECONDS = 0.1
        @pytest.mark.deadline(0.1)
        def test_deaf():
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            threading.Event().wait()
    """)
    result = suite.runpytest_subprocess()
    assert result.ret == 1
    result.stderr.fnmatch_lines(["Timeout (*", "*in test_deaf"])
