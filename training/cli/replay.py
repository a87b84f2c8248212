"""Logged decisions made once more: replay."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.errors import NoSuchModel, WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson
from training.cli.log_place import NOTHING_TO_DO, SAID_NO, log_address
from training.console import progress, say, say_json, say_rows
from training.use_cases import find_use_case, name_of

if TYPE_CHECKING:
    from service.decision_log.reading import Selection
    from service.replay import Difference, Redecided, Replayed
    from service.scoring.policy import Costs, Policy

LISTED = 20
When = Annotated[
    str | None, typer.Option(metavar="TIME", help="such as 2026-11-20 or 2026-11-20T08:30:00Z; UTC")
]


def replay(  # noqa: PLR0913, PLR0917  # each option chooses decisions, or what is asked of them
    use_case: Annotated[str | None, typer.Argument(metavar="USE_CASE", help="default: all")] = None,
    since: When = None,
    until: When = None,
    about: Annotated[str | None, typer.Option(help="one decision_id")] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="VERSION", help="ask what this policy would have decided")
    ] = None,
    reasons: Annotated[bool, typer.Option(help="compare reasons too")] = True,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="file for every difference, as JSON Lines")
    ] = None,
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
    with _differences(output) as each:
        if policy is None:
            _say_replayed(_replay(selection, reasons, each), output, as_json)
        elif use_case is None:
            raise WrongUse(f"--policy {policy} is of one use case; name it: aval replay USE_CASE --policy …")
        else:
            costs = find_use_case(use_case).costs
            found = _policy(str(name), policy)
            _say_redecided(_redecide(selection, found, costs, each), found, costs, as_json)


def _replay(selection: Selection, reasons: bool, each: Callable[[Difference], None]) -> Replayed:
    from service.decision_log.reading import entries, reading
    from service.replay import replay as replay_all
    from service.replay import stored_scorers

    load = stored_scorers(Settings.from_environment().bentoml_home)
    with progress("replaying") as step, reading(log_address()) as connection:
        return replay_all(
            entries(connection, selection),
            load,
            reasons=reasons,
            each=each,
            progress=lambda count: step(f"{count:,} decisions"),
        )


def _redecide(
    selection: Selection, policy: Policy, costs: Costs, each: Callable[[Difference], None]
) -> Redecided:
    from service.decision_log.reading import entries, reading
    from service.replay import redecide

    with progress("deciding anew") as step, reading(log_address()) as connection:
        return redecide(
            entries(connection, selection),
            policy,
            costs,
            each=each,
            progress=lambda count: step(f"{count:,} decisions"),
        )


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


def _say_replayed(done: Replayed, output: Path | None, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "decisions": done.decisions,
                "same": done.same,
                "different": done.different,
                "erased": done.erased,
                "unavailable": dict(done.unavailable),
                "differences": [asdict(item) for item in done.listed],
            }
        )
    else:
        for item in done.listed[:LISTED]:
            say(
                f"{item.decision_id}: {item.what} was {item.logged}, is {item.replayed} ({item.model}, {item.policy})"
            )
        if done.different > LISTED:
            say(f"… and {done.different - LISTED:,} more; -o FILE has all of them" if output is None else "…")
        for why, count in done.unavailable.items():
            say(f"not replayed, {count:,} decisions: {why}")
        say(
            f"{done.decisions:,} decisions: {done.same:,} the same bit for bit, {done.different:,} different, "
            f"{done.erased:,} erased, {done.unavailable.total():,} without their model or policy"
        )
    if not done.holds:
        raise typer.Exit(SAID_NO)
    if not done.decisions:
        raise typer.Exit(NOTHING_TO_DO)


def _say_redecided(done: Redecided, policy: Policy, costs: Costs, as_json: bool) -> None:
    before, after = done.cost_before, done.cost_after
    saved = None if before is None or after is None else before - after
    if as_json:
        say_json(
            {
                "policy": policy.version,
                "decisions": done.decisions,
                "changed": done.changed,
                "counts": done.counts,
                "expected_cost_before": before,
                "expected_cost_after": after,
                "expected_cost_saved": saved,
                "currency": costs.currency,
            }
        )
    else:
        say(f"{done.changed:,} of {done.decisions:,} decisions would have been others under {policy.version}")
        say_rows(*_matrix(done.counts))
        if saved is None:
            say("expected cost: cases are referred, and the use case states no cost of a review")
        else:
            kept = f"{abs(saved):,.2f} {costs.currency} {'less' if saved >= 0 else 'more'}"
            say(f"expected cost: {before:,.2f} as decided, {after:,.2f} under it, {kept}")
    if not done.decisions:
        raise typer.Exit(NOTHING_TO_DO)


def _matrix(counts: Mapping[str, Mapping[str, int]]) -> tuple[list[dict[str, Any]], list[str]]:
    columns = ["decided", *(f"would be {name}" for name in counts)]
    rows = [
        dict(zip(columns, (old, *(f"{count:,}" for count in row.values())), strict=True))
        for old, row in counts.items()
    ]
    return rows, columns


@contextmanager
def _differences(output: Path | None) -> Iterator[Callable[[Difference], None]]:
    """Yield what takes a difference down, in the file if there is one."""
    if output is None:
        yield lambda _: None
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
