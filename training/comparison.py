"""Challenger against champion, on the same rows, which neither of them has seen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Policy
from service.scoring.scorer import Scorer
from service.scoring.validation import TableInvalid
from training.calibrate import case_weights
from training.data import Cases, Indices, Outcomes
from training.intervals import Interval, mean_with_interval
from training.losses import cost_of_decisions, log_losses
from training.recipe import recipe_probabilities
from training.splits import Plan
from training.use_case import UseCase

FEWEST_ROWS = 100


@dataclass(frozen=True)
class Comparison:
    """Mean differences per row, challenger minus champion, with 95 % intervals of the paired differences.

    Of cases that were drawn by outcome, rows count as in the population, by its declared bad rate. `how` says what
    stood for the champion: its bundle, or its recipe fitted anew.
    """

    champion: str
    rows: int
    how: str
    cost_difference: float
    cost_interval: Interval
    log_loss_difference: float
    log_loss_interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON data."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Side:
    """Probabilities of the compared rows (rows,), and the policy that decides on them."""

    probabilities: FloatArray
    policy: Policy


def compare_with_champion(
    cases: Cases, plan: Plan, challenger: Scorer, champion: Scorer, seen: Indices | None
) -> Comparison:
    """Compare on the challenger's untouched rows; `challenger` stands for its procedure, fitted on the other rows.

    seen: rows of the cases that the champion learnt from, None where its data are not at hand. On unseen rows the
    champion's own bundle is judged. Where it saw them all (the same data), nobody knows, or it can score too few,
    its recipe is: its candidate and parameters, fitted on the same rows as the challenger's. Raises what
    `recipe_probabilities` raises.
    """
    theirs = np.full(len(plan.untouched), np.nan) if seen is None else _scores(cases, plan, champion, seen)
    usable, how = ~np.isnan(theirs), "the champion's bundle, on untouched rows that it has not seen"
    if not _enough(cases.outcomes[plan.untouched][usable]):
        theirs = recipe_probabilities(champion, cases, plan)
        usable = ~np.isnan(theirs)
        how = "the champion's recipe, fitted anew on the challenger's development rows"
    ours = recipe_probabilities(challenger, cases, plan)
    return _difference(
        champion.tag,
        how,
        Side(ours[usable], challenger.policy),
        Side(theirs[usable], champion.policy),
        cases.outcomes[plan.untouched][usable],
        cases.use_case,
    )


def rows_seen(cases: Cases, earlier: Cases) -> Indices:
    """Return the rows of the cases that occur among earlier ones, by their outcome and the values that both know.

    Where the contract has changed in between, columns of the same name, type and levels count; fewer columns tell
    fewer rows apart, so that too many are taken for seen rather than too few.
    """
    shared = sorted(_kinds(cases) & _kinds(earlier))
    names = [name for name, *_ in shared]
    known = set(_keys(earlier, names))
    return np.flatnonzero([key in known for key in _keys(cases, names)])


def _scores(cases: Cases, plan: Plan, champion: Scorer, seen: Indices) -> FloatArray:
    """Return the champion's P(bad) of the untouched rows, NaN for those that it has seen or cannot score."""
    probabilities = np.full(len(plan.untouched), np.nan)
    unseen = ~np.isin(plan.untouched, seen)
    known = [column.name for column in champion.contract.columns if column.name in cases.table.column_names]
    table = cases.table.select(known).take(plan.untouched[unseen])
    # By an earlier contract the table may lack a column.
    with suppress(TableInvalid, pa.ArrowException):
        probabilities[unseen] = champion.score_table(table).probabilities
    return probabilities


def _enough(outcomes: Outcomes) -> bool:
    return len(outcomes) >= FEWEST_ROWS and len(np.unique(outcomes)) > 1


def _kinds(cases: Cases) -> set[tuple[str, str, str]]:
    columns = cases.use_case.contract.columns
    return {(c.name, str(c.type), repr(c.levels)) for c in columns if c.name in cases.values}


def _keys(cases: Cases, names: Sequence[str]) -> list[bytes]:
    values = [cases.values[name] for name in names]
    table = np.column_stack([*values, cases.outcomes]).astype(np.float64)
    return [row.tobytes() for row in np.where(np.isnan(table), np.nan, table)]


def _difference(  # two sides and what they are judged by
    champion: str, how: str, ours: Side, theirs: Side, outcomes: Outcomes, use_case: UseCase
) -> Comparison:
    weights = case_weights(outcomes, use_case.population_bad_rate)
    own, other = (
        cost_of_decisions(outcomes, side.probabilities, side.policy, use_case.costs)
        for side in (ours, theirs)
    )
    more = log_losses(outcomes, ours.probabilities) - log_losses(outcomes, theirs.probabilities)
    cost, loss = mean_with_interval(weights * (own - other)), mean_with_interval(weights * more)
    return Comparison(champion, len(outcomes), how, *cost, *loss)
