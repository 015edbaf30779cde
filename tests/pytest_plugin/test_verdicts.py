"""Verdicts belong to the test that runs; they are told in JUnit XML, in a table and on a page."""

from pathlib import Path

import pytest
from lxml import etree, html

SUITE = """
    import pytest

    def test_one(run): run("a")

    def test_several(run):
        run("b")
        run("c", {"guest_after.load.mismatches": 1})

    def test_none(): pass

    def test_fails(run): assert run("d", {"ping": None}).verdict == "pass"

    @pytest.mark.skip(reason="not today")
    def test_skipped(): pass
"""


def properties(report: Path) -> dict[str, dict[str, str]]:
    """By test, what JUnit XML says."""
    cases = etree.parse(report).iterfind(".//testcase")
    return {
        str(case.get("name")): {
            str(each.get("name")): str(each.get("value")) for each in case.iterfind(".//property")
        }
        for case in cases
    }


def test_junit_xml_has_the_figures(suite: pytest.Pytester) -> None:
    """Numbered where a test has several; what is unknown is not there."""
    suite.makepyfile(SUITE)
    suite.runpytest("--junit-xml=report.xml").assert_outcomes(passed=3, failed=1, skipped=1)
    found = properties(suite.path / "report.xml")
    one = found["test_one"]
    assert one["verdict"] == "pass"
    assert one["record"] == str(suite.path / "runs" / "a")
    assert (one["policy"], one["load"]) == ("precopy", "ws64MiB-50MiB/s-sequential")
    assert float(one["downtime_ms_client"]) == 200
    assert float(one["downtime_ms_client_uncertainty"]) > 0
    assert int(one["total_ms"]) > 0
    assert int(one["transferred_bytes"]) > 0
    assert int(one["rounds"]) > 0
    several = found["test_several"]
    assert (several["verdict_1"], several["verdict_2"]) == ("pass", "fail")
    assert float(several["downtime_ms_client_uncertainty_2"]) > 0
    assert "verdict" not in several
    assert found["test_none"] == {}
    assert found["test_fails"]["verdict"] == "unknown"
    assert "downtime_ms_client" not in found["test_fails"]


def hrefs(page: Path) -> list[str]:
    """Where the links of its tables lead."""
    found = html.fromstring(page.read_text()).iterfind(".//table//a")
    return [str(link.get("href")) for link in found]


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_a_table_comes_last(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    """Tests that failed first, nothing wider than the terminal, and how many of each."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("CI", raising=False)  # pytest then cuts no line of its own
    suite.makepyfile(SUITE)
    lines = suite.runpytest().outlines
    table = lines[next(n for n, line in enumerate(lines) if "= verdicts =" in line) :]
    assert max(map(len, table[:-4])) <= columns
    text = " ".join(" ".join(table).split())
    assert text.index("test_fails") < text.index("test_one") < text.index("test_several")
    assert text.count("200.0 ± 2") == 3
    assert "verdicts: 1 fail, 1 unknown, 2 pass" in text
    assert f"page: {suite.path}/runs/index.html" in text


def test_the_page_leads_to_every_run(suite: pytest.Pytester) -> None:
    """Runs share what draws them; one that lies elsewhere carries its own, and is not linked."""
    suite.makepyfile(SUITE + "    def test_elsewhere(run, tmp_path): run('e', where=tmp_path)\n")
    suite.runpytest("--lab-report", "out")
    out = suite.path / "out"
    links = hrefs(out / "index.html")
    assert sorted(links) == [f"{name}/report.html" for name in "abcd"]
    for link in links:
        assert '<script src="../plotly.js"></script>' in (out / link).read_text()
        assert (out / "a/verdict.json").exists()
        assert (out / link).stat().st_size < 1_000_000
    assert (out / "plotly.js").stat().st_size > 1_000_000


def test_a_suite_without_verdicts_says_nothing(suite: pytest.Pytester) -> None:
    """Nor is there a page."""
    suite.makepyfile("def test_it(): pass")
    result = suite.runpytest()
    assert "= verdicts =" not in result.stdout.str()
    assert not (suite.path / "runs").exists()


def test_a_record_that_cannot_be_read_is_one_error(suite: pytest.Pytester) -> None:
    """Of the test, whose line is shown."""
    suite.makepyfile("def test_it(recorded, tmp_path): recorded(tmp_path)")
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E  *EvidenceError: *"])
