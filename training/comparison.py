"""Challenger against champion, on the same rows, which neither of them has seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Costs, Policy
from service.scoring.scorer import Scorer
from training.data import Cases, Indices
from training.losses import Z_95, cost_of_decisions, log_losses
from training.recipe import recipe_probabilities
from training.splits import Plan

FEWEST_ROWS = 100


@dataclass(frozen=True)
class Comparison:
    """Mean differences per row, challenger minus champion, with 95 % intervals of the paired differences.

    `how` says what stood for the champion: its bundle, or its recipe fitted anew.
    """

    champion: str
    rows: int
    how: str
    cost_difference: float
    cost_interval: tuple[float, float]
    log_loss_difference: float
    log_loss_interval: tuple[float, float]

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
    champion's own bundle is judged. Where it saw them all (the same data), or nobody knows, its recipe is: its
    candidate and parameters, fitted on the same rows as the challenger's.
    """
    rows = plan.untouched if seen is None else np.setdiff1d(plan.untouched, seen)
    if seen is not None and len(rows) >= FEWEST_ROWS:
        theirs = champion.score_table(cases.table.take(rows)).probabilities
        how = "the champion's bundle, on untouched rows that it has not seen"
    else:
        rows = plan.untouched
        theirs = recipe_probabilities(champion.evidence, cases, plan)
        how = "the champion's recipe, fitted anew on the challenger's development rows"
    ours = recipe_probabilities(challenger.evidence, cases, plan)[np.isin(plan.untouched, rows)]
    usable = ~np.isnan(theirs)
    return _difference(
        champion.tag,
        how,
        Side(ours[usable], challenger.policy),
        Side(theirs[usable], champion.policy),
        cases.outcomes[rows][usable],
        cases.use_case.costs,
    )


def rows_seen(cases: Cases, earlier: Cases) -> Indices:
    """Return the rows of the cases that occur among earlier ones, by their values and outcome."""
    known = set(_keys(earlier))
    return np.flatnonzero([key in known for key in _keys(cases)])


def _keys(cases: Cases) -> list[bytes]:
    values = [cases.values[name] for name in sorted(cases.values)]
    table = np.column_stack([*values, cases.outcomes]).astype(np.float64)
    return [row.tobytes() for row in np.where(np.isnan(table), np.nan, table)]


def _difference(  # two sides and what they are judged by
    champion: str, how: str, ours: Side, theirs: Side, outcomes: Any, costs: Costs
) -> Comparison:
    cost = _costs(ours, outcomes, costs) - _costs(theirs, outcomes, costs)
    loss = log_losses(outcomes, ours.probabilities) - log_losses(outcomes, theirs.probabilities)
    return Comparison(champion, len(outcomes), how, *_mean(cost), *_mean(loss))


def _costs(side: Side, outcomes: Any, costs: Costs) -> FloatArray:
    return cost_of_decisions(outcomes, side.probabilities, side.policy, costs)


def _mean(difference: FloatArray) -> tuple[float, tuple[float, float]]:
    mean = float(difference.mean())
    half = Z_95 * float(difference.std()) / float(np.sqrt(len(difference)))
    return mean, (mean - half, mean + half)
