"""Calibration reports as tables: figures of both judgements side by side, and the test of each grade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.model_card.document import (
    EMPTY,
    Block,
    Cell,
    Mark,
    Paragraph,
    Table,
    entries,
    estimate,
    part,
)
from training.model_card.numerals import Render, count, figure, interval, p_value, share
from training.model_card.records import text_of
from training.model_card.subject import JUDGEMENT_NAMES

# What a row is called, where the report has it, and how it is written.
FIGURES: tuple[tuple[str, tuple[str, ...], Render], ...] = (
    ("Bad rate", ("bad_rate",), share),
    ("Mean P(bad)", ("mean_probability",), share),
    ("Brier score", ("brier", "value"), figure),
    ("Brier: reliability, lower is better", ("brier", "reliability"), figure),
    ("Brier: resolution, higher is better", ("brier", "resolution"), figure),
    ("Brier: uncertainty of the data", ("brier", "uncertainty"), figure),
    ("Brier skill: 0 is the bad rate for all", ("brier", "skill"), figure),
    ("Log loss", ("log_loss",), figure),
    ("ECE, ten bins of equal count", ("ece", "value"), figure),
    ("ECE of a perfect model by chance, mean", ("ece", "chance", "mean"), figure),
    ("ECE of a perfect model, 99th percentile", ("ece", "chance", "percentile_99"), figure),
    ("ECE is within that chance", ("ece", "within_chance"), text_of),
    ("Calibration in the large: 0 is right", ("recalibration", "in_the_large"), figure),
    ("Slope: 1 is right, below is too extreme", ("recalibration", "slope"), figure),
    ("Intercept: 0 is right", ("recalibration", "intercept"), figure),
    ("Spiegelhalter z", ("spiegelhalter", "z"), figure),
    ("Spiegelhalter p", ("spiegelhalter", "p"), p_value),
    ("Hosmer-Lemeshow chi-squared", ("hosmer_lemeshow", "chi2"), figure),
    ("Hosmer-Lemeshow degrees of freedom", ("hosmer_lemeshow", "df"), count),
    ("Hosmer-Lemeshow p", ("hosmer_lemeshow", "p"), p_value),
)
VERDICTS = {
    "in line": Mark("pass", "in line"),
    "too low": Mark("fail", "P(bad) too low"),
    "too high": Mark("warn", "P(bad) too high"),
}


def report_blocks(reports: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Return the tables of calibration reports, by judgement."""
    rows = [
        (title, *(_cell(report, path, render) for report in reports.values()))
        for title, path, render in FIGURES
        if any(_found(report, path) is not None for report in reports.values())
    ]
    if not rows:
        return []
    columns = ("Figure", *(JUDGEMENT_NAMES[name] for name in reports))
    blocks: list[Block] = [
        Table("Calibration report, with 95 % intervals", columns, rows),
        *_remarks(reports),
    ]
    for name, report in reports.items():
        blocks += _grades(name, report)
    return blocks


def _found(report: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    return part(report, *path[:-1]).get(path[-1])


def _cell(report: Mapping[str, Any], path: tuple[str, ...], render: Render) -> Cell:
    found = _found(report, path)
    if found is None:
        return EMPTY
    if isinstance(found, Mapping):
        return estimate(render(found.get("value")), interval([found.get("low"), found.get("high")], render))
    return render(found)


def _remarks(reports: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Return why figures are missing, on which scale the tests are, and what the tests themselves say of them."""
    found = []
    for name, report in reports.items():
        reasons = {
            str(item["reason"])
            for item in report.values()
            if isinstance(item, Mapping) and item.get("reason")
        }
        found += [f"{JUDGEMENT_NAMES[name]}: {reason}." for reason in sorted(reasons)]
        if report.get("weighted"):
            found.append(f"{JUDGEMENT_NAMES[name]}: tests are on {report.get('tests_on')}.")
    notes = {str(note) for item in reports.values() if (note := part(item, "hosmer_lemeshow").get("note"))}
    found += [f"Hosmer-Lemeshow: {note}" for note in sorted(notes)]
    return [Paragraph(text, remark=True) for text in found]


def _band(low: float | None, high: float | None) -> str:
    if low is None:
        return "all" if high is None else f"below {share(high)}"
    return f"from {share(low)}" if high is None else interval([low, high], share)


def _grades(name: str, report: Mapping[str, Any]) -> list[Block]:
    found = [item for item in entries(report, "grades", "grades") if isinstance(item, Mapping)]
    rows = [
        (
            _band(item.get("from"), item.get("to")),
            count(item.get("rows")),
            count(item.get("bad")),
            share(item.get("mean_probability")),
            estimate(share(item.get("bad_rate")), interval([item.get("low"), item.get("high")], share)),
            p_value(item.get("p_too_low")),
            p_value(item.get("holm_too_low")),
            VERDICTS.get(str(item.get("verdict")), str(item.get("verdict", EMPTY))),
        )
        for item in found
    ]
    caption = f"Jeffreys test of each grade, adjusted for their number (Holm). {JUDGEMENT_NAMES[name]}"
    columns = ("P(bad)", "Cases", "Bad", "Mean P(bad)", "Bad rate", "p, too low", "p, adjusted", "Verdict")
    return [Table(caption, columns, rows, folded=name == "procedure")] if rows else []
