"""The command that keeps a model up to date: retrain."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.errors import WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson, UseCaseName
from training.cli.log_place import segment_store
from training.console import progress_bar, say, say_json
from training.use_cases import find_use_case

if TYPE_CHECKING:
    from training.retrain import Asked, Effort, Ended, Place

EVERY_DAYS = 7
PARTS = ("enough", "reason")


Because = Annotated[
    str | None,
    typer.Option(
        metavar="REASON", help="schedule, drift, degradation or request; default: the evidence decides"
    ),
]
Recalibrate = Annotated[
    bool, typer.Option("--recalibrate", help="with --because: the same model with another calibrator")
]
Approval = Annotated[
    bool, typer.Option("--approval", help="wait for a person to approve a promotion: exit code 4")
]
Approve = Annotated[str | None, typer.Option(metavar="STORY", help="promote what a story waits with")]
Reject = Annotated[
    str | None, typer.Option(metavar="STORY", help="end a story that was left open, nothing promoted")
]
Only = Annotated[
    str | None,
    typer.Option(metavar="PART", help="only ask: enough decisions (enough), a reason (reason)"),
]
EveryDays = Annotated[int, typer.Option(min=1, help="age at which a model is due without another reason")]
Level = Annotated[
    float | None,
    typer.Option(min=1e-6, max=0.2, help="level of the one-sided test that promotes; default: 0.025"),
]
Seed = Annotated[int | None, typer.Option(min=0, max=2**31, help="of a training; default: 0")]
Trials = Annotated[
    int | None, typer.Option(min=0, help="parameters to try beyond the declared ones; default: 8")
]
Quick = Annotated[bool, typer.Option("--quick", help="two candidates, no search")]
TakeUp = Annotated[
    bool,
    typer.Option("--take-up", help="go on with a story that was left open, whatever else is asked for"),
]
AsOf = Annotated[
    str | None, typer.Option(metavar="TIME", help="look at nothing later, such as 2026-11-30T00:00:00Z")
]


def retrain(  # noqa: PLR0913, PLR0917  # one argument per option
    use_case: UseCaseName,
    because: Because = None,
    recalibrate: Recalibrate = False,
    approval: Approval = False,
    approve: Approve = None,
    reject: Reject = None,
    only: Only = None,
    every_days: EveryDays = EVERY_DAYS,
    level: Level = None,
    seed: Seed = None,
    trials: Trials = None,
    quick: Quick = False,
    take_up: TakeUp = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Retrain the champion on what became of its decisions, if there is a reason; promote what is shown to be better.

    Exit code 0: promoted; 1: the comparison, a gate or a person said no; 3: nothing to do yet; 4: waiting for approval;
    5: another retraining is at work; 6: a person should look first. Broken off, the next call goes on where it was.
    """
    from training.retrain import Asked, Method

    if recalibrate and because is None:
        raise WrongUse("--recalibrate needs a reason: --because schedule, drift, degradation or request")
    method, effort = Method.RECALIBRATE if recalibrate else None, _effort(seed, trials, quick=quick)
    asked = Asked(_moment(as_of), because, method, approval, every_days, level, effort, take_up)
    with _told_in_json(as_json), _place(use_case) as place:
        if only is not None:
            _say_part(place, asked, only, as_json)
            return
        ended = _answered(place, asked, approve, reject) if approve or reject else _retrained(place, asked)
    _say_ended(ended, as_json)
    if ended.end.exit_code:
        raise typer.Exit(ended.end.exit_code)


def _effort(seed: int | None, trials: int | None, *, quick: bool) -> Effort | None:
    from training.retrain import Effort
    from training.tune import TRIALS

    if quick and trials:
        raise WrongUse("--quick does not search: leave out --trials, or --quick")
    if seed is None and trials is None and not quick:
        return None
    return Effort(seed or 0, TRIALS if trials is None else trials, quick)


@contextmanager
def _place(name: str) -> Iterator[Place]:
    from service.monitoring.events import event_store
    from training.retrain import Place
    from training.retrain.journal import Journal

    use_case, settings, log = find_use_case(name), Settings.from_environment(), segment_store()
    with event_store(settings.monitoring) as events:
        yield Place(use_case, settings, log, Journal(events, use_case.name))


def _retrained(place: Place, asked: Asked) -> Ended:
    from training.retrain import retrain as retrain_champion

    with progress_bar(f"retraining {place.use_case.name}") as step:
        return retrain_champion(place, asked, step)


def _answered(place: Place, asked: Asked, approve: str | None, reject: str | None) -> Ended:
    from training.retrain import answer

    if approve and reject:
        raise WrongUse("--approve and --reject: leave one out")
    return answer(place, approve or reject or "", "approve" if approve else "reject", asked.now)


def _say_part(place: Place, asked: Asked, part: str, as_json: bool) -> None:
    from training.retrain import enough, find_reason

    if part not in PARTS:
        raise WrongUse(f"--only {part!r} is not one of: {', '.join(PARTS)}")
    story = place.journal.open_story()
    if story is not None:
        body: dict[str, Any] = {"story": story.id}
        text = f"story {story.id} was left open: it is taken up"
    elif part == "enough":
        decisions = enough(place, asked)
        body = {"decisions": decisions}
        text = f"{decisions} decisions in the last 7 days: enough"
    else:
        reason = find_reason(place, asked)
        body, text = reason.to_json(), f"{reason.because}, so {reason.method}: {reason.text}"
    if as_json:
        say_json({"part": part, "exit_code": 0, "text": text, **body})
    else:
        say(text)


@contextmanager
def _told_in_json(as_json: bool) -> Iterator[None]:
    """Answer in JSON too where there is nothing to do, or somebody else is at it: scripts read why."""
    from training.retrain import AtWork, NothingYet, PersonNeeded

    try:
        yield
    except (AtWork, NothingYet, PersonNeeded) as error:
        if as_json:
            ends = {AtWork: "at_work", NothingYet: "nothing_yet", PersonNeeded: "person"}
            say_json(
                {"end": ends[type(error)], "exit_code": error.exit_code, "text": str(error), "story": None}
            )
        else:
            say(str(error))
        raise typer.Exit(error.exit_code) from None


def _say_ended(ended: Ended, as_json: bool) -> None:
    if as_json:
        say_json(ended.to_json())
        return
    say(f"story {ended.story}")
    if ended.note:
        say(f"  note: {ended.note}")
    for name, step in ended.steps.items():
        say(f"  {name}: {step['text']}")
    if ended.end == "promoted":
        say(f"next: restart what serves it, AVAL_MODEL={ended.steps['begun']['champion'].partition(':')[0]}")


def _moment(text: str | None) -> int:
    from training.retrain.reason import microseconds

    now = time.time_ns() // 1_000
    if text is None:
        return now
    try:
        found, zone = microseconds(text), datetime.fromisoformat(text).tzinfo
    except (ValueError, OverflowError):
        found, zone = 0, None
    if zone is None:
        raise WrongUse(f"--as-of {text!r} is not a time with its zone, such as 2026-11-30T00:00:00Z")
    if found > now:
        raise WrongUse(f"--as-of {text} lies ahead; leave it out for now")
    return found
