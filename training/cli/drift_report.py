"""What a look found, for a person: columns, score, bad rate, refusals; performance; advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from training.console import OUT, say

if TYPE_CHECKING:
    from training.alerts import Incident
    from training.monitoring.drift import ColumnDrift
    from training.monitoring.report import Drift, DriftReport

_FIGURES = ("auc", "brier", "bad_rate", "cost_per_case", "intercept", "slope")


def say_look(report: DriftReport) -> None:
    """Print a report."""
    say(f"{report.use_case}, model {report.model}")
    for line in _windows(report):
        say(line)
    if report.drift is None:
        found = report.analysis["records"]
        say(f"not enough records: there are {found:,} in the analysis, and {report.needed:,} are needed")
    else:
        _say_drift(report.drift)
    _say_performance(report.performance)
    say(f"advice: {report.advice['action']}")
    for reason in report.advice["because"]:
        say(f"  {reason}")


def say_incidents(incidents: Sequence[Incident]) -> None:
    """Print the incidents that are open, and those that the look has ended."""
    for item in incidents:
        state = "open" if item.is_open else "over"
        say(f"incident {state}, {item.severity}: {item.title}")


def _windows(report: DriftReport) -> Iterator[str]:
    analysis, reference = report.analysis, report.reference
    yield f"analysis: {analysis['from']} to {analysis['until']}, {_counted(analysis)}"
    window = reference["window"]
    if reference["source"] == "window":
        yield f"reference: {window['from']} to {window['until']}, {_counted(window)}"
    else:
        yield (
            f"reference: the model's profile of {reference['rows']:,} cases, "
            f"for there are {window['records']:,} records since {window['from']}"
        )


def _counted(window: Mapping[str, Any]) -> str:
    more = ("refused", "quarantined", "erased", "unreadable")
    rest = [f"{window[name]:,} {name}" for name in more if window[name]]
    return ", ".join([f"{window['records']:,} records", *rest])


def _say_drift(drift: Drift) -> None:
    table = Table("column", "test", "CSI", "p", "q", "nulls", "before", "refused", "", box=SIMPLE)
    for item in drift.columns:
        table.add_row(*_cells(item))
    OUT.print(table)
    score, prior, domain, refusals = drift.score, drift.prior, drift.domain, drift.refusals
    means = f"mean {score.mean:.4f} and {score.reference_mean:.4f} before"
    say(f"score: PSI {_number(score.psi)}, p {_p(score.p)}, {means}: {score.why or score.status}")
    rate = _rate(prior.rate, prior.interval)
    say(f"bad rate: {rate} by the scores alone, {prior.reference_rate:.2%} before: {prior.status}")
    apart = domain.why or f"AUC {_number(domain.auc)}{_interval(domain.interval)}, p {_p(domain.p)}"
    say(f"new records told from earlier ones: {apart}: {domain.status}")
    before = (
        "nobody counted before"
        if refusals.reference_rate is None
        else f"{refusals.reference_rate:.2%} before"
    )
    say(f"refused: {refusals.rate:.2%} of {refusals.received:,} records, {before}: {refusals.status}")
    for field in refusals.fields[:5]:
        say(f"  {field.field}, {field.code}: {field.records:,}")


def _cells(item: ColumnDrift) -> tuple[str, ...]:
    refused = ", ".join(f"{code} {count:,}" for code, count in item.refused.items())
    shares = (f"{share:.1%}" for share in (item.nulls, item.reference_nulls))
    return (
        escape(item.name),
        item.test,
        _number(item.csi),
        _p(item.p),
        _p(item.q),
        *shares,
        refused,
        str(item.status),
    )


def _say_performance(performance: Mapping[str, Any]) -> None:
    say(
        f"performance from {performance['from']} to {performance['until']}: {performance['population']['text']}"
    )
    for caution in performance["population"]["cautions"]:
        say(f"  note: {caution}")
    table = Table("figures of", "rows", "bad", *(name.replace("_", " ") for name in _FIGURES), box=SIMPLE)
    for label, name in (
        ("matured outcomes", "mature"),
        ("all told so far, naive", "naive"),
        ("matured before", "earlier"),
    ):
        table.add_row(label, *_row(performance[name]))
    table.add_row("expected (estimate)", *_row(performance["expected"]))
    OUT.print(table)
    if (few := performance["mature"]["too_few"]) is not None:
        say(f"outcomes that count are {few}")
    if (reason := performance["mature"]["no_line"]) is not None:
        say(f"intercept and slope are not told: {reason}")


def _row(figures: Mapping[str, Any]) -> list[str]:
    counts = [f"{figures[name]:,}" if name in figures else "-" for name in ("rows", "bad")]
    found = [figures.get(name) for name in _FIGURES]
    return counts + [
        "-" if item is None else f"{item['value']:.3g} ({item['low']:.3g} to {item['high']:.3g})"
        for item in found
    ]


def _rate(rate: float | None, interval: tuple[float, float] | None) -> str:
    return (
        "unknown"
        if rate is None or interval is None
        else f"{rate:.2%} ({interval[0]:.2%} to {interval[1]:.2%})"
    )


def _interval(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" ({interval[0]:.3f} to {interval[1]:.3f})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"
