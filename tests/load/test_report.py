from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.load.objectives import read_stage
from tests.load.page import page
from tests.load.report import conclude, markdown, table
from tests.load.run import Run
from tests.load.samples import Kind, Samples
from tests.load.shapes import shape_of


def run(bad: int = 0, late: float = 0.0005) -> Run:
    """Return ten seconds of steady load in which some requests failed, in words that a page could trip over."""
    samples = Samples()
    samples.lasted("steady", 0.0, 10.0)
    for number in range(1_000):
        path = "/explain" if number % 10 == 0 else "/predict"
        kind = Kind.FAILED if number < bad else Kind.ANSWERED
        samples.add("steady", path, number / 100, 0.002 + number / 1e6, kind)
        samples.began_late("steady", late)
        samples.went_wrong(path, "500: <b>it | fell`</b>" if kind is Kind.FAILED else "")
    return Run(
        "http://service", read_stage("local"), [shape_of("steady", 100, 10)], "even", samples, 0.12, 0.07
    )


def test_the_table_has_a_line_for_each_shape_and_path() -> None:
    told = table(run())
    lines = [line.split() for line in told.splitlines()]
    assert ["steady", "all", "1000", "100.0", "2.5", "3.0", "3.0", "3.0", "0", "0"] in lines
    assert ["steady", "/predict", "900"] in [line[:3] for line in lines]
    assert "objectives met" in told
    assert "the generator was late by p99 0.50 ms" in told
    assert "the host gave 7.0% of this machine's processors to others" in told


def test_what_was_missed_and_what_went_wrong_is_told_in_each_report() -> None:
    failed = run(bad=50)
    for told in (table(failed), markdown(failed)):
        assert "steady: errors is 0.05, at most 0 is allowed" in told
        assert "steady /predict: p99_ms is inf" in told
        assert "45 x /predict 500: <b>it | fell" in told
        assert " never " in told


def test_the_summary_is_added_to_what_stands_in_its_file(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    assert conclude(run(bad=50), None, str(summary)) == 1
    told = summary.read_text()
    assert told.startswith("before\n### Load: 4 of ")
    assert "| steady | /predict | 900 |" in told


def test_the_page_asks_nobody_for_anything_and_shows_no_markup_of_others() -> None:
    told = page(run(bad=50))
    assert not re.search(r"<script|<link|src=|href=|url\(|@import|https?://(?!service)", told)
    assert "&lt;b&gt;it | fell" in told
    assert "<b>it" not in told
    assert told.count("<polyline") == 3
    assert '<tr class="missed"><td>steady</td><td>all</td><td>errors</td>' in told
    assert "<td>never</td>" in told


@pytest.mark.parametrize("bad", [0, 50, 1_000])
def test_every_point_of_the_picture_lies_in_it(bad: int) -> None:
    for points in re.findall(r'points="([^"]+)"', page(run(bad=bad))):
        pairs = [tuple(map(float, point.split(","))) for point in points.split()]
        assert len(pairs) == 10
        assert all(0 <= x <= 1000 and 0 <= y <= 260 for x, y in pairs)


def test_the_folder_has_the_page_the_summary_and_a_result_without_infinities(tmp_path: Path) -> None:
    assert conclude(run(), str(tmp_path / "report"), None) == 0
    assert conclude(run(bad=50), str(tmp_path / "report"), None) == 1
    assert sorted(file.name for file in (tmp_path / "report").iterdir()) == [
        "report.html",
        "result.json",
        "summary.md",
    ]
    result = json.loads((tmp_path / "report" / "result.json").read_text())
    assert result["kinds"] == {"answered": 950, "failed": 50}
    assert next(row for row in result["rows"] if row["path"] == "/explain")["p99"] is None


def test_a_late_generator_is_said_before_anything_else() -> None:
    assert "### Load: inconclusive: the generator could not keep its schedule" in markdown(run(late=0.05))
