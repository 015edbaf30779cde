"""Words on pytest's command line, and what a suite without a lab pays for the plugin: nothing."""

import os

import pytest

from miglab.lab.lock import held

HEAVY = {"libvirt", "plotly", "jinja2", "rich", "pydantic", "psutil", "pyroute2", "testinfra"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["--lab", "site", "--lab-inventory", "x"],
            "--lab-inventory: expected an inventory, found no file x",
        ),
        (["--lab-inventory", "x"], "--lab-inventory: expected with --lab site, found --lab emb*"),
        (
            ["--hypothesis-profile", "nope"],
            "--hypothesis-profile: expected one that is registered, *; found nope",
        ),
        (
            ["--lab-policy", "teleport", "--lab-policy", "precopy"],
            "--lab-policy: expected one of precopy, *postcopy*; found teleport",
        ),
    ],
)
def test_a_wrong_word_is_one_line(pytester: pytest.Pytester, words: list[str], line: str) -> None:
    """Before anything is collected, with pytest's exit code for usage."""
    result = pytester.runpytest(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {line}"])
    assert "Traceback" not in result.stderr.str()


def test_markers_are_registered(pytester: pytest.Pytester) -> None:
    """With a line that says what each means."""
    lines = pytester.runpytest("--markers").stdout
    for marker in ("slow", "measured", "policy(name)", "deadline(seconds)"):
        lines.fnmatch_lines([f"@pytest.mark.{marker}: *"])


def test_a_suite_without_a_lab_imports_nothing_for_one(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor pytest-xdist, which need not be there."""
    pytester.makepyfile(f"""
        import sys
        def test_it():
            assert {HEAVY | {"xdist"}} & set(sys.modules) == set()
    """)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = pytester.runpytest_subprocess("-p", "miglab.pytest_plugin")
    result.assert_outcomes(passed=1)


def test_a_lab_of_no_possible_name_is_one_line(pytester: pytest.Pytester) -> None:
    """The option is named; the next test does not try again."""
    pytester.makepyfile("def test_one(lab): pass\ndef test_two(lab): pass")
    result = pytester.runpytest("--lab-name", "No", "-rs")
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_one*",
            "--lab-name: expected up to 20 lower-case letters*, found 'No'",
            "SKIPPED*the lab is lost: --lab-name: expected*",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "pytest_plugin/labs.py" not in result.stdout.str()


def test_a_topology_that_is_not_there_is_one_line(pytester: pytest.Pytester) -> None:
    """With the path, from the root directory."""
    pytester.makepyfile("def test_one(lab): pass")
    result = pytester.runpytest("--lab-topology", "mine.yaml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"{pytester.path}/mine.yaml: expected a declaration, found no*"])


def test_a_lab_that_another_run_has_is_one_line(pytester: pytest.Pytester) -> None:
    """With the process that has it; nothing is done to it."""
    pytester.makepyfile("def test_one(lab): pass\ndef test_two(lab): pass")
    with held("lab theirs, tests"):
        result = pytester.runpytest("--lab-name", "theirs", "-rs")
    result.assert_outcomes(errors=1, skipped=1)
    line = f"lab theirs, tests: in use by process {os.getpid()}; wait for it, or end it"
    result.stdout.fnmatch_lines([line, f"SKIPPED*the lab is lost: {line}"])
