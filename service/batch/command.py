"""Does what was asked for on a command line, the image's or `aval`'s, and says what came of it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module

from service.batch.asked import STANDARD, Asked
from service.batch.asked_options import options_of
from service.batch.checking import Checked, check_inputs
from service.batch.nightly import for_its_day, is_dated
from service.batch.options import Options
from service.batch.piping import expect_pipeable, kept, pipe
from service.batch.reading import READERS
from service.batch.run import Engine, Result, score_files, score_locally
from service.batch.screen import Screen, json_lines
from service.batch.step import Step
from service.batch.targets import expect_apart, target_of
from service.batch.totals import checked_rows, summed_up, totals
from service.errors import WrongUse
from service.model_store import load_scorer, with_policy
from service.places import find_inputs
from service.scoring.scorer import Scorer
from service.settings import Settings

# What a shell says of a program whose reader went away: 128 and the signal's number.
READER_GONE = 141


@dataclass(frozen=True, slots=True)
class _Command:
    asked: Asked
    options: Options
    day: date | None
    settings: Settings
    screen: Screen
    scorer: Scorer

    def progress(self, title: str) -> AbstractContextManager[Callable[[Step], None]]:
        return json_lines() if self.asked.progress_json else self.screen.progress(title)


def run(asked: Asked, settings: Settings, screen: Screen) -> int:
    """Do what was asked and return the exit code; raises an `AvalError` for what could not be done.

    It is 0 where all is done, also with quarantined rows and where nothing was left to do.
    """
    try:
        _run(asked, settings, screen)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain of it once more when it ends.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return 0


def _run(asked: Asked, settings: Settings, screen: Screen) -> None:
    dated = is_dated(asked.source)
    asked, day = for_its_day(asked, settings.time_zone, datetime.now(UTC))
    options = options_of(asked, settings, dated=dated)
    _expect_possible(asked)
    scorer = load_scorer(asked.use_case, settings.bentoml_home)
    scorer = with_policy(scorer, asked.policy or scorer.policy.version, settings.bentoml_home)
    command = _Command(asked, options, day, settings, screen, scorer)
    if asked.dry_run:
        _check(command)
    elif asked.target == STANDARD:
        _pipe(command)
    else:
        _score(command)


def _expect_possible(asked: Asked) -> None:
    if not (asked.target or asked.dry_run):
        raise WrongUse(
            "OUTPUT is missing: name a file, a folder or - for standard output; only --dry-run needs none"
        )
    if STANDARD in (asked.source, asked.target):
        expect_pipeable(asked)
    for flag, given, needs in (
        ("--quarantine", asked.quarantine, asked.target == STANDARD),
        ("--from", asked.come_as, asked.source == STANDARD),
    ):
        if given is not None and not needs:
            raise WrongUse(
                f"{flag} {given} is for standard {'output' if flag == '--quarantine' else 'input'} alone"
            )


def _score(command: _Command) -> None:
    asked, options = command.asked, command.options
    began = time.monotonic()
    with kept(asked) as source, command.progress("scoring") as step:
        result = score_files(
            command.scorer,
            source,
            asked.target,
            options,
            progress=step,
            engine=_engine(asked.engine, command.scorer),
        )
    _report(command, result, time.monotonic() - began)


def _report(command: _Command, result: Result, seconds: float) -> None:
    screen, manifest = command.screen, result.manifest
    if command.asked.json:
        told = {"new": result.new, "continued": result.continued, "seconds": round(seconds, 3)}
        screen.say(json.dumps({**told, **manifest.as_json()}, indent=1))
    elif result.new:
        screen.say(manifest.summary())
        day = [] if command.day is None else [("day", command.day.isoformat())]
        screen.table([*day, *totals(result, seconds)])
    else:
        rows, count = manifest.tally.rows_in, len(manifest.inputs)
        screen.say(
            f"nothing new to score: {command.asked.target} holds all {rows:,} rows of {count:,} input"
            f"{'' if count == 1 else 's'}"
        )


def _check(command: _Command) -> None:
    asked, options = command.asked, command.options
    began = time.monotonic()
    with kept(asked) as source, command.progress("checking") as step:
        found = find_inputs(source, READERS, options.where, dated=options.dated, s3=options.s3)
        if asked.target not in ("", STANDARD):
            expect_apart(source, found, target_of(asked.target, options.ending, options.s3))
        checked = check_inputs(command.scorer.validator, found, options, step)
    _report_checked(command, checked, time.monotonic() - began)
    checked.expect_few_refused(options)


def _report_checked(command: _Command, checked: Checked, seconds: float) -> None:
    if command.asked.json:
        command.screen.say(json.dumps(checked.as_json(), indent=1))
        return
    tally = checked.tally
    command.screen.say(
        f"{tally.rows_in - tally.rows_quarantined:,} of {tally.rows_in:,} rows can be scored; nothing was written"
    )
    command.screen.table(checked_rows(checked, seconds))


def _pipe(command: _Command) -> None:
    tally = pipe(command.asked, command.scorer, command.options, command.progress)
    if command.asked.json:
        command.screen.note(json.dumps(tally.as_json()))
    else:
        command.screen.note(f"{summed_up(tally, command.scorer.tag)}; none of it is in the decision log")


def _engine(name: str, scorer: Scorer) -> Engine:
    if name == "local":
        return score_locally
    # By name: Spark's door is built on this one, and only it knows Spark.
    engine: Engine = import_module("service.spark.session").on_spark(scorer)
    return engine
