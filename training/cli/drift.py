"""Drift of what comes in and goes out, and what became of it: drift."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.errors import AvalError, WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.cli.drift_report import say_incidents, say_look
from training.cli.log_place import NOTHING_TO_DO, SAID_NO, segment_store
from training.console import complain, progress, say_json
from training.use_cases import find_use_case

if TYPE_CHECKING:
    from service.scoring.scorer import Scorer
    from training.alerts import Alerts, Incident
    from training.monitoring.look import Seen
    from training.monitoring.report import DriftReport
    from training.monitoring.windows import Wanted

MOST_DAYS = 3_650
Moment = Annotated[str | None, typer.Option(metavar="TIME", help="the end, not included; default: now")]


def drift(  # noqa: PLR0913, PLR0917  # one argument per option
    use_case: UseCaseName,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="TIME", help="such as 2026-11-14 or 2026-11-14T08:30:00Z; in AVAL_TIME_ZONE"
        ),
    ] = None,
    until: Moment = None,
    days: Annotated[int | None, typer.Option(min=1, max=MOST_DAYS, help="to look at; default: 7")] = None,
    reference_days: Annotated[
        int, typer.Option(min=1, max=MOST_DAYS, help="before these, to compare with")
    ] = 90,
    evidently: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="write Evidently's page too")
    ] = None,
    alerts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="channels of alerts; default: alerts.toml in AVAL_HOME"),
    ] = None,
    track: Annotated[bool, typer.Option("--track/--no-track", help="log the figures in MLflow")] = True,
    as_json: AsJson = False,
) -> None:
    """Compare the latest decisions with those before, judge what became of them, and advise what to do.

    Exit code 0: nothing to do about it; 1: drift, or an alarm; 3: not enough records. Without enough of them before,
    the profile that the model brings is the reference. Only a look as it is by default is kept, and changes incidents:
    with --from, --until, --days or --reference-days it is one aside.
    """
    from training.monitoring.windows import Wanted

    _expect_page(evidently)
    options = _Options(evidently, alerts, track, as_json)
    report = _run(use_case, Wanted(since, until, days, reference_days), options)
    raise typer.Exit(_code(report))


def _expect_page(file: Path | None) -> None:
    """Raise `WrongUse` where Evidently's page cannot be written, before the work is done."""
    if file is None:
        return
    if file.suffix != ".html":
        raise WrongUse(f"--evidently {file} is no name for a page: it must end in .html")
    if find_spec("evidently") is None:
        raise WrongUse("--evidently needs Evidently, which is not installed: pip install 'aval[evidently]'")


@dataclass(frozen=True, slots=True)
class _Options:
    """What else to do with a look than to print it."""

    evidently: Path | None
    alerts: Path | None
    track: bool
    as_json: bool


def _run(use_case: str, wanted: Wanted, options: _Options) -> DriftReport:
    from training.alerts import read_alerts

    settings = Settings.from_environment()
    # A file that is wrong is told before the work is done.
    channels = read_alerts(options.alerts, settings.home, find_use_case(use_case).name)
    seen, scorer, report = _look(settings, use_case, wanted, time.time_ns() // 1000)
    incidents: list[Incident] = []
    try:
        # First of all: what follows may fail, and nobody would be told.
        if wanted.is_default:
            incidents = _record(settings, report, channels)
    finally:
        _say(report, incidents, as_json=options.as_json)
    page = None if options.evidently is None else _write_page(seen, scorer, options.evidently)
    if options.track:
        _track(settings, report, page)
    return report


def _say(report: DriftReport, incidents: Sequence[Incident], *, as_json: bool) -> None:
    if as_json:
        say_json(report.to_json())
        return
    say_look(report)
    say_incidents(incidents)


def _look(settings: Settings, use_case: str, wanted: Wanted, now: int) -> tuple[Seen, Scorer, DriftReport]:
    from service.model_store import load_scorer
    from training.monitoring.look import look, see
    from training.monitoring.windows import windows_of

    case, store = find_use_case(use_case), segment_store()
    windows = windows_of(wanted, now, settings.time_zone)
    scorer = load_scorer(case.name, settings.bentoml_home)
    with progress(f"looking at {case.name}") as step:
        step("reading decisions")
        seen = see(store, scorer, windows, case.monitoring.least_records)
        step(f"{seen.analysis.rows:,} decisions against {seen.reference.rows:,}")
        return seen, scorer, look(store, seen, scorer, case, now)


def _write_page(seen: Seen, scorer: Scorer, file: Path) -> Path | None:
    """Write Evidently's page; None where it cannot be, or there is nothing to compare, which is said."""
    from training.alerts.one_line import one_line
    from training.monitoring.evidently_report import write_page
    from training.monitoring.observed import scored_by

    if seen.reference.matrix is None or not seen.analysis.rows:
        complain(
            f"{file} was not written: Evidently compares records, and there are too few in one of the windows"
        )
        return None
    before, after = ((item.matrix, scored_by(item, scorer)) for item in (seen.before, seen.analysis))
    try:
        write_page(scorer.contract, before, after, file)
    except Exception as error:  # whatever it was, what was found holds without the page
        complain(f"{file} was not written: {one_line(str(error), 200)}")
        return None
    return file


def _track(settings: Settings, report: DriftReport, page: Path | None) -> None:
    from training.alerts.one_line import one_line
    from training.monitoring.tracking import track

    try:
        track(settings, report, page)
    except AvalError as error:
        complain(f"the figures are not in MLflow: {error}")
    except Exception as error:  # MLflow lets errors of HTTP through; what was found holds without it
        complain(f"the figures are not in MLflow: {type(error).__name__}: {one_line(str(error), 200)}")


def _record(settings: Settings, report: DriftReport, channels: Alerts) -> list[Incident]:
    """Keep the report, and let incidents begin, go on and end by it; returns those that are open or are over by it."""
    from service.monitoring.events import Event, event_store
    from training.alerts import Look, raise_alerts

    key = f"{report.analysis['from']}/{report.analysis['until']}/{report.model}"
    with event_store(settings.monitoring) as events:
        events.add(Event(report.use_case, "report", key, report.at, report.to_json()))
        measures = _measures(report)
        found = Look(report.use_case, report.findings, report.at, measures, report.unjudged, report.model)
        return raise_alerts(events, channels, found, complain)


def _measures(report: DriftReport) -> dict[str, float]:
    """Return the figures that go to CloudWatch, as far as they are known."""
    intercept: dict[str, Any] | None = report.performance["mature"]["intercept"]
    told = sum(share["told"] for share in report.performance["population"]["shares"])
    found = {"Outcomes.Told": float(told)}
    if intercept is not None:
        found["Calibration.Intercept"] = float(intercept["value"])
    if report.drift is not None:
        moved = [item for item in report.drift.columns if item.status in ("warn", "alarm")]
        found["Drift.Columns"] = float(len(moved))
        if report.drift.score.psi is not None:
            found["Drift.ScorePsi"] = report.drift.score.psi
    return found


def _code(report: DriftReport) -> int:
    if report.findings:
        return SAID_NO
    return 0 if report.enough else NOTHING_TO_DO
