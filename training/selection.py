"""Choose among candidates: of those not significantly worse than the best, the one that is cheapest to serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Policy
from training.candidates import Candidate
from training.evaluate import Judged, metrics
from training.intervals import mean_with_interval
from training.out_of_fold import OutOfFold
from training.policies import least_cost_policy
from training.use_case import Objective

SHOWN = ("roc_auc", "pr_auc", "brier", "log_loss", "cost_per_case")
ROW_LOSS = {Objective.COST: "cost_per_case", Objective.LOG_LOSS: "log_loss"}


@dataclass(frozen=True)
class Standing:
    """A candidate's place: its figures out of fold, and its objective against the best one's, with 95 % interval.

    `size` is its files' in bytes, None for what cannot be served. `losses` is the objective row by row (rows,).
    """

    candidate: Candidate
    figures: Mapping[str, float]
    size: int | None
    losses: FloatArray = field(repr=False)
    out_of_fold: OutOfFold = field(repr=False)
    worse_by: float = 0.0
    interval: tuple[float, float] = (0.0, 0.0)
    chosen: bool = False

    @property
    def significantly_worse(self) -> bool:
        """Whether the whole interval of the difference lies above zero."""
        return self.interval[0] > 0

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON data."""
        return {
            "name": self.candidate.name,
            "serving_class": self.candidate.serving_class.name.lower(),
            "servable": self.candidate.servable,
            "parameters": dict(self.candidate.parameters),
            "size": self.size,
            **{name: self.figures[name] for name in SHOWN},
            "worse_by": self.worse_by,
            "interval": list(self.interval),
            "significantly_worse": self.significantly_worse,
            "chosen": self.chosen,
        }


def compare(scored: Sequence[tuple[Candidate, OutOfFold]]) -> list[Standing]:
    """Compare candidates that were scored on the same folds; return them from best to worst, one of them chosen.

    The objective is the use case's own. The best is the best of those that can be served.
    """
    standings = [_standing(candidate, out) for candidate, out in scored]
    best = min((item for item in standings if item.candidate.servable), key=lambda item: item.losses.mean())
    compared = sorted((_against(item, best) for item in standings), key=lambda item: item.worse_by)
    eligible = [item for item in compared if item.candidate.servable and not item.significantly_worse]
    # Within a class by log loss: a proper score tells more of the model than decisions at two cut-offs do.
    chosen = min(eligible, key=lambda item: (item.candidate.serving_class, item.figures["log_loss"]))
    return [replace(item, chosen=item is chosen) for item in compared]


def chosen_of(standings: Sequence[Standing]) -> Standing:
    """Return the standing that was chosen."""
    return next(item for item in standings if item.chosen)


def judged_out_of_fold(out: OutOfFold) -> Judged:
    """Return the rows with their probabilities, ready to be judged under the policy of least cost for them."""
    costs, calibrator, rounds = out.cases.use_case.costs, out.calibrated.calibrator, len(out.raw_scores)
    times = "once" if rounds == 1 else f"{rounds} times"
    population = f"{len(out.rows)} rows, each scored {times} by a fit that did not see it"
    return Judged(
        population, out.outcomes, out.probabilities, least_cost(out), costs, out.weights, calibrator
    )


def least_cost(out: OutOfFold) -> Policy:
    """Return the policy of least cost for the calibrated probabilities, within the use case's aims."""
    use_case = out.cases.use_case
    return least_cost_policy(out.probabilities[0], use_case.costs, use_case.aims, out.weights)


def _standing(candidate: Candidate, out: OutOfFold) -> Standing:
    judged = judged_out_of_fold(out)
    name = ROW_LOSS[out.cases.use_case.objective]
    losses = np.mean([rows[name] for rows in judged.row_figures], axis=0) * _relative(judged.weight)
    size = sum(map(len, out.last_fit.to_files().values())) if candidate.servable else None
    return Standing(candidate, metrics(judged), size, losses, out)


def _against(standing: Standing, best: Standing) -> Standing:
    mean, interval = mean_with_interval(standing.losses - best.losses)
    return replace(standing, worse_by=mean, interval=interval)


def _relative(weights: FloatArray) -> FloatArray:
    relative: FloatArray = weights / weights.mean()
    return relative
