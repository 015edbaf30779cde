"""Several workers of pytest-xdist: a lab each, one summary; what is measured runs alone."""

import json

import pytest

from tests.pytest_plugin.test_verdicts import properties

RUNS = "def test_{0}(run): run('{0}')\ndef test_{0}2(run): run('{0}2')\n"
PAIR = ("-p", "xdist", "-n2", "--dist=loadfile")


def test_all_verdicts_come_together(suite: pytest.Pytester) -> None:
    """In table, page and JUnit XML; every worker records in a folder of its own."""
    suite.makepyfile(**{f"test_{name}": RUNS.format(name) for name in "ab"})
    result = suite.runpytest_subprocess(*PAIR, "--junit-xml=report.xml")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*= verdicts =*", "verdicts: 4 pass", "page: *index.html"])
    pages = [path.relative_to(suite.path) for path in suite.path.glob("runs/gw*/*/report.html")]
    index = (suite.path / "runs" / "index.html").read_text()
    assert len(pages) == 4
    assert all(f'href="{page.relative_to("runs")}"' in index for page in pages)
    assert '<script src="../../plotly.js">' in (suite.path / pages[0]).read_text()
    assert {found["verdict"] for found in properties(suite.path / "report.xml").values()} == {
        "pass"
    }


def test_a_worker_has_a_lab_of_its_own(suite: pytest.Pytester) -> None:
    """The tests of a file stay together."""
    test = """
        from miglab.pytest_plugin.session import lab_name
        def test_one(request): print(lab_name(request.config))
        def test_two(request): print(lab_name(request.config))
    """
    suite.makepyfile(test_a=test, test_b=test)
    result = suite.runpytest_subprocess(*PAIR, "--lab-name=mine", "-rP")
    names = [line for line in result.outlines if line.startswith("mine-gw")]
    assert sorted(names) == ["mine-gw0"] * 2 + ["mine-gw1"] * 2


def test_what_is_measured_runs_alone(suite: pytest.Pytester) -> None:
    """While it runs, no other test does."""
    test = """
        import json, pathlib, threading, time, pytest
        def times(name):
            began = time.monotonic()
            threading.Event().wait(0.1)
            ended = time.monotonic()
            pathlib.Path(name).write_text(json.dumps([began, ended]))
        @pytest.mark.parametrize("n", range(5))
        def test_many(n): times(f"{__name__}-{n}.json")
        %s
        def test_alone(): times(f"{__name__}-alone.json")
    """
    suite.makepyfile(test_a=test % "@pytest.mark.measured", test_b=test % "")
    suite.runpytest_subprocess(*PAIR).assert_outcomes(passed=12)
    found = {path.stem: json.loads(path.read_text()) for path in suite.path.glob("*.json")}
    (alone,) = (times for name, times in found.items() if name == "test_a-alone")
    others = [times for name, times in found.items() if name != "test_a-alone"]
    assert len(others) == 11
    assert all(ended <= alone[0] or alone[1] <= began for began, ended in others)


def test_without_xdist_all_is_the_same(suite: pytest.Pytester) -> None:
    """The plugin knows nothing of it."""
    suite.makepyfile(RUNS.format("a"))
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["verdicts: 2 pass"])
