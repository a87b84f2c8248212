"""What a replay came to, told to people and to programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from training.cli.log_place import NOTHING_TO_DO, SAID_NO
from training.console import say, say_json, say_rows

if TYPE_CHECKING:
    from service.replay import Redecided, Replayed
    from service.scoring.policy import Costs, Policy

LISTED = 20


def say_replayed(done: Replayed, output: Path | None, as_json: bool) -> None:
    """Print what decisions came to when they were made again, and end as that says."""
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


def say_redecided(done: Redecided, policy: Policy, costs: Costs, as_json: bool) -> None:
    """Print what another policy would have decided."""
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
