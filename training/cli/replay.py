"""Logged decisions made once more: replay."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.errors import NoSuchModel, WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson
from training.cli.log_place import log_address, segment_store
from training.cli.replay_reasons import write_reasons
from training.cli.replay_report import say_redecided, say_replayed
from training.console import progress
from training.use_cases import find_use_case, name_of

if TYPE_CHECKING:
    from service.decision_log.reading import Selection
    from service.replay import Asked, Difference, Redecided, Replayed
    from service.scoring.policy import Costs, Policy

    Each = Callable[[Difference], None] | None

When = Annotated[
    str | None, typer.Option(metavar="TIME", help="such as 2026-11-20 or 2026-11-20T08:30:00Z; UTC")
]
About = Annotated[str | None, typer.Option("--about", "--decision", help="one decision_id")]
AskedPolicy = Annotated[
    str | None, typer.Option(metavar="VERSION", help="ask what this policy would have decided")
]
Reasons = Annotated[
    bool | None,
    typer.Option(
        "--reasons/--no-reasons",
        help="--reasons: only give reasons to batch decisions that have none; --no-reasons: compare none",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="file for every difference, as JSON Lines; for reasons CSV too"),
]


def replay(  # noqa: PLR0913, PLR0917  # each option chooses decisions, or what is asked of them
    use_case: Annotated[str | None, typer.Argument(metavar="USE_CASE", help="default: all")] = None,
    since: When = None,
    until: When = None,
    about: About = None,
    policy: AskedPolicy = None,
    reasons: Reasons = None,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Make logged decisions again with the bundle and policy of their time; exit code 1 where one comes out otherwise.

    It is 1 too where there are decisions and none could be made again: their records are erased, or their bundles gone.
    With --policy: what that policy would have decided instead, and at what expected cost.
    """
    from service.decision_log.entries import Kind
    from service.decision_log.reading import Selection

    name = None if use_case is None else name_of(use_case)
    selection = Selection((Kind.DECISION,), name, _moment("--since", since), _moment("--until", until), about)
    if policy is not None and reasons:
        raise WrongUse(f"--policy {policy} asks for no reasons")
    if policy is not None:
        _ask_anew(selection, use_case, policy, output, as_json)
    elif reasons:
        write_reasons(_asked(selection), output, as_json=as_json)
    else:
        with _differences(output) as each:
            say_replayed(_replay(selection, reasons is None, each), output, as_json)


def _ask_anew(
    selection: Selection, use_case: str | None, version: str, output: Path | None, as_json: bool
) -> None:
    """Say what a policy would have decided; use_case: as it was typed."""
    if use_case is None:
        raise WrongUse(f"--policy {version} is of one use case; name it: aval replay USE_CASE --policy …")
    costs, policy = find_use_case(use_case).costs, _policy(name_of(use_case), version)
    with _differences(output) as each:
        say_redecided(_redecide(selection, policy, costs, each), policy, costs, as_json)


def _asked(selection: Selection) -> Asked:
    """Return which batch decisions are selected; an id that none can have selects none."""
    from service.decision_log.segments.decisions import batch_id
    from service.decision_log.segments.segment import Chosen
    from service.replay import Asked

    limits = selection.use_case, selection.since, selection.until
    if selection.about is None:
        return Asked(Chosen(*limits))
    segment, row = batch_id(selection.about) or ("", 0)
    return Asked(Chosen(*limits, ids=[segment] if segment else []), row)


def _replay(selection: Selection, reasons: bool, each: Each) -> Replayed:
    from service.decision_log.reading import entries, reading
    from service.replay import replay as replay_all
    from service.replay import replay_segments, stored_scorers

    load = stored_scorers(Settings.from_environment().bentoml_home)
    with progress("replaying") as step:
        with reading(log_address()) as connection:
            done = replay_all(
                entries(connection, selection),
                load,
                reasons=reasons,
                each=each or _nowhere,
                progress=lambda count: step(f"{count:,} decisions"),
            )
        batch = replay_segments(
            segment_store(),
            _asked(selection),
            load,
            reasons=reasons,
            each=each,
            progress=lambda count: step(f"{count:,} batch decisions"),
        )
    done.join(batch)
    return done


def _redecide(selection: Selection, policy: Policy, costs: Costs, each: Each) -> Redecided:
    from service.decision_log.reading import entries, reading
    from service.replay import redecide, redecide_segments

    with progress("deciding anew") as step:
        with reading(log_address()) as connection:
            done = redecide(
                entries(connection, selection),
                policy,
                costs,
                each=each or _nowhere,
                progress=lambda count: step(f"{count:,} decisions"),
            )
        batch = redecide_segments(
            segment_store(),
            _asked(selection),
            policy,
            costs,
            each=each,
            progress=lambda count: step(f"{count:,} batch decisions"),
        )
    done.join(batch)
    return done


def _nowhere(_: Difference) -> None:
    """Tell nobody."""


def _policy(use_case: str, version: str) -> Policy:
    """Return a stored policy, or the champion's own."""
    from service.model_store import load_scorer
    from service.policy_store import load_policy

    home = Settings.from_environment().bentoml_home
    try:
        return load_policy(use_case, version, home).policy
    except NoSuchModel as unknown:
        try:
            served = load_scorer(use_case, home).policy
        except NoSuchModel:
            raise unknown from None
        if served.version != version:
            raise
        return served


@contextmanager
def _differences(output: Path | None) -> Iterator[Each]:
    """Yield what takes a difference down in a file, None where there is none."""
    if output is None:
        yield None
        return
    with output.open("w", encoding="utf-8") as file:
        yield lambda item: _write(file, item)


def _write(file: Any, item: Difference) -> None:
    file.write(json.dumps(asdict(item)) + "\n")


def _moment(option: str, text: str | None) -> int | None:
    """Return a time in microseconds since 1970; one without a zone is in UTC."""
    if text is None:
        return None
    try:
        if not re.match(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            f"{option} {text!r} is not a time such as 2026-11-20 or 2026-11-20T08:30:00Z"
        ) from None
    moment = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
