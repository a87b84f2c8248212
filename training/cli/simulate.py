"""A use case over months with declared changes, so that everybody sees the alarms before they are needed: simulate."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

import typer

from service.errors import WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.cli.log_place import NOTHING_TO_DO
from training.console import progress_bar, say, say_json, say_rows
from training.use_cases import find_use_case

if TYPE_CHECKING:
    from training.simulation.asked import Asked
    from training.simulation.following import Delay
    from training.use_case import UseCase

COLUMNS = ("week", "from", "decisions", "approved", "declined", "P(bad)", "bad", "told", "model", "changes")
Changes = list[str] | None
TruthOf = Literal["model", "data"]

Weeks = Annotated[
    int | None, typer.Option(min=1, max=520, help="default: 26, or until today where it goes on")
]
PerDay = Annotated[int, typer.Option(min=1, max=1_000_000, help="records a day")]
Seed = Annotated[int | None, typer.Option(min=0, max=2**31, help="default: 0")]
Start = Annotated[str | None, typer.Option(metavar="DATE", help="first day; default: so that it ends today")]
Covariate = Annotated[
    Changes, typer.Option(metavar="COLUMN=+0.5sd@8", help="others apply: P(x) changes from week 8 on")
]
Prior = Annotated[Changes, typer.Option(metavar="+0.5@8", help="more are bad: log-odds of P(bad) change")]
Concept = Annotated[
    Changes,
    typer.Option(metavar="COLUMN=+0.8@8", help="a column means something else: P(bad | x) changes"),
]
Calibration = Annotated[
    Changes, typer.Option(metavar="+0.3@8", help="log-odds of P(bad | x) move, or spread: *0.8@8")
]
OutcomeDelay = Annotated[
    str | None,
    typer.Option(metavar="DAYS[:SPREAD]", help="until outcomes are seen; bad ones up to SPREAD days earlier"),
]
DeclinesTold = Annotated[
    bool, typer.Option("--declines-told/--declines-untold", help="whether declined cases have outcomes")
]
AcceptDeclines = Annotated[
    float | None, typer.Option(metavar="SHARE", min=0, max=1, help="of the declined, accepted at random")
]
OutcomesUntil = Annotated[str | None, typer.Option(metavar="DATE", help="nothing is seen from that day on")]
Data = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="past cases to replay in order, instead of generated ones"),
]
Truth = Annotated[
    str | None,
    typer.Option(
        metavar="model|data", help="outcomes from the first champion's probabilities, or the data's own"
    ),
]
Home = Annotated[Path | None, typer.Option(metavar="FOLDER", help="default: AVAL_HOME/simulations/USE_CASE")]
IntoRealLog = Annotated[
    bool, typer.Option("--into-real-log", help="into the log of AVAL_DECISION_LOG, whatever it holds")
]
Url = Annotated[str | None, typer.Option(help="ask a running service now, instead of simulating its time")]
KeyFile = Annotated[Path | None, typer.Option(metavar="FILE", help="holds the API key for --url")]


def simulate(  # noqa: PLR0913, PLR0917  # one argument per option
    use_case: UseCaseName,
    weeks: Weeks = None,
    per_day: PerDay = 100,
    seed: Seed = None,
    start: Start = None,
    covariate: Covariate = None,
    prior: Prior = None,
    concept: Concept = None,
    calibration: Calibration = None,
    delay: OutcomeDelay = None,
    declines_told: DeclinesTold = False,
    accept_declines: AcceptDeclines = None,
    outcomes_until: OutcomesUntil = None,
    data: Data = None,
    truth: Truth = None,
    home: Home = None,
    into_real_log: IntoRealLog = False,
    url: Url = None,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Replay a use case over months with declared changes, through the service's functions and decision log.

    It happens in a home of its own, where the champion is copied to; run again, it goes on where it stopped, also after
    Ctrl-C, which ends it between two days. Its last lines point the other commands there. Exit code 3: there is no day
    left to simulate.
    """
    from training.simulation.asked import Asked

    case, settings = find_use_case(use_case), Settings.from_environment()
    asked = Asked(
        use_case=case,
        weeks=weeks,
        per_day=per_day,
        seed=seed,
        start=start,
        data=data,
        truth=_truth(truth),
        changes=_changes(covariate, prior, concept, calibration),
        delay=_delay(case, delay, live=url is not None),
        accepted_declines=_accepted_declines(case, accept_declines, told=declines_told),
        outcomes_until=outcomes_until,
        zone=ZoneInfo(settings.time_zone),
    )
    if url is not None:
        _simulate_live(asked, settings, url, key_file, into_real_log=into_real_log, as_json=as_json)
        return
    _simulate(asked, settings, home, into_real_log=into_real_log, as_json=as_json)


def _simulate(
    asked: Asked, settings: Settings, home: Path | None, *, into_real_log: bool, as_json: bool
) -> None:
    from training.simulation.place import place_for
    from training.simulation.session import simulate as run

    place = place_for(asked.use_case.name, settings, home, into_real_log=into_real_log)
    with progress_bar(f"simulating {asked.use_case.name}") as bar:
        report = run(asked, place, lambda done, of: bar(f"day {done} of {of}", done / of))
    _say({**report, "home": str(place.home), "exports": place.exports}, as_json=as_json)


def _simulate_live(
    asked: Asked, settings: Settings, url: str, key_file: Path | None, *, into_real_log: bool, as_json: bool
) -> None:
    from service.model_store import load_scorer
    from training.simulation.http_door import HttpDoor
    from training.simulation.session import simulate_live

    if not into_real_log:
        raise WrongUse(
            f"{url} writes what it decides into its own decision log, for good; type --into-real-log if it may"
        )
    scorer = load_scorer(asked.use_case.name, settings.bentoml_home)
    key = key_file.read_text("utf-8").strip() if key_file else ""
    with progress_bar(f"asking {url}") as bar:
        report = simulate_live(
            asked,
            scorer,
            HttpDoor(url, scorer.contract, key),
            lambda done, of: bar(f"day {done} of {of}", done / of),
        )
    _say({**report, "home": None, "exports": []}, as_json=as_json)


def _say(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        say_json(report)
    else:
        _say_weeks(report)
    if report["stopped_by"]:
        raise typer.Exit(128 + signal.Signals[report["stopped_by"]])
    if not report["days"]:
        raise typer.Exit(NOTHING_TO_DO)


def _say_weeks(report: dict[str, Any]) -> None:
    if report["days"]:
        say_rows([_row(week) for week in report["weeks"]], COLUMNS)
        say(
            f"{report['decisions']:,} decisions from {report['since']} to {report['until']}, {report['refused']:,} "
            f"records refused; {report['told']:,} outcomes told, {report['to_come']:,} to come"
        )
    elif not report["stopped_by"]:
        say(f"{report['use_case']} is simulated until {report['until']}; there is no day left")
    if report["stopped_by"]:
        say(
            f"stopped by {report['stopped_by']}; run again without --weeks, it goes on from {report['until']} "
            "until today"
        )
    if report["exports"]:
        say("next, so that every command is about the simulation:")
        for line in report["exports"]:
            say(f"  {line}")


def _row(week: dict[str, Any]) -> dict[str, str]:
    decisions = week["decisions"]

    def share(count: int) -> str:
        return f"{count / decisions:.1%}" if decisions else ""

    models = (model.partition(":")[2][:8] for model in week["models"])
    return {
        "week": str(week["week"]),
        "from": week["from"],
        "decisions": f"{decisions:,}",
        "approved": share(week["approve"]),
        "declined": share(week["decline"]),
        "P(bad)": "" if week["mean_probability"] is None else f"{week['mean_probability']:.2%}",
        "bad": "" if week["bad_rate"] is None else f"{week['bad_rate']:.2%}",
        "told": f"{week['told']:,}",
        "model": " ".join(models),
        "changes": "; ".join(week["changes"]),
    }


def _changes(*given: Changes) -> tuple[Any, ...]:
    from training.simulation.changes import Change

    kinds = (Change.COVARIATE, Change.PRIOR, Change.CONCEPT, Change.CALIBRATION)
    return tuple((kind, text) for kind, texts in zip(kinds, given, strict=True) for text in texts or ())


def _truth(text: str | None) -> TruthOf | None:
    for allowed in (None, *get_args(TruthOf)):
        if text == allowed:
            found: TruthOf | None = allowed
            return found
    raise WrongUse(f"--truth {text!r} is not one of: model, data")


def _delay(case: UseCase, text: str | None, *, live: bool) -> Delay:
    """Return the delay that was typed, or by default the use case's maturity; none where everything happens now."""
    from training.simulation.following import Delay

    if text is None:
        return Delay(0.0 if live else float(case.monitoring.maturity_days))
    days, _, spread = text.partition(":")
    try:
        return Delay(float(days), float(spread or 0))
    except ValueError:
        raise WrongUse(f"--delay {text!r} is not of the form 30 or 30:20, in days") from None


def _accepted_declines(case: UseCase, share: float | None, *, told: bool) -> float:
    if told and share is not None:
        raise WrongUse("--declines-told tells of all declined cases; leave out --accept-declines")
    return 1.0 if told else (case.monitoring.accepted_declines if share is None else share)
