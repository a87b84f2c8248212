"""How good probabilities are, on rows whose outcome is known: figures, their intervals and curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.calibration import Calibrator
from service.scoring.policy import DECISIONS, Costs, Decision, Policy
from training.calibration_report import calibration_report, expected_calibration_error
from training.curves import curves
from training.data import Outcomes
from training.losses import cost_of_decisions, log_losses
from training.ranking import Order

DRAWS = 200
INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Judged:
    """Rows with their outcomes and the probabilities that they got from fits that did not see them.

    outcomes: (rows,), 1 = bad. probabilities: P(bad) (rounds, rows), a round for every time that all rows were
    scored. weights: (rows,), what each row stands for; None is 1 for all. population says in words which rows.
    """

    population: str
    outcomes: Outcomes
    probabilities: FloatArray
    policy: Policy
    costs: Costs
    weights: FloatArray | None = None
    calibrator: Calibrator = field(default_factory=Calibrator)

    @cached_property
    def weight(self) -> FloatArray:
        """The weight of each row (rows,)."""
        return np.ones(len(self.outcomes)) if self.weights is None else self.weights

    @cached_property
    def orders(self) -> list[Order]:
        """The order of the rows in each round."""
        return [Order(round_) for round_ in self.probabilities]

    @cached_property
    def row_figures(self) -> list[dict[str, FloatArray]]:
        """Figures that are means over rows, row by row, of each round."""
        return [row_figures(self.outcomes, round_, self.policy, self.costs) for round_ in self.probabilities]


def judge(judged: Judged, seed: int) -> dict[str, Any]:
    """Return the judgement as JSON data: metrics, their 95 % intervals, calibration and curves.

    Metrics are means over the rounds. What speaks of single rows (calibration, curves) is of the first round, in
    which each row occurs once.
    """
    first = judged.probabilities[0]
    return {
        "population": judged.population,
        "metrics": metrics(judged),
        "intervals": intervals(judged, seed),
        "calibrator": judged.calibrator.to_json(),
        "calibration": calibration_report(judged.outcomes, first, judged.weights),
        "curves": curves(judged.outcomes, first, judged.policy, judged.costs, judged.weight),
    }


def metrics(judged: Judged) -> dict[str, float]:
    """Return ranking, calibration and decision figures, means over the rounds.

    `decline` counts as the positive answer for accuracy, precision, recall and f1; `cost_per_case` is what the
    policy's decisions would have cost, a review included.
    """
    figures = _weighted(judged, judged.weight)
    ece = [expected_calibration_error(judged.outcomes, p, judged.weights) for p in judged.probabilities]
    return {
        "rows": float(len(judged.outcomes)),
        "gini": 2 * figures["roc_auc"] - 1,
        "ece": float(np.mean(ece)),
        **figures,
    }


def intervals(judged: Judged, seed: int) -> dict[str, list[float]]:
    """Return the 95 % percentile interval of each metric over resampled rows (Efron, 1979).

    A row's weight in a draw is Poisson(1) times its own, which is the bootstrap without its sorting.
    """
    random = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(DRAWS):
        counts = random.poisson(1.0, len(judged.outcomes))
        if len(np.unique(judged.outcomes[counts > 0])) == 2:
            for name, value in _weighted(judged, counts * judged.weight).items():
                drawn.setdefault(name, []).append(value)
    found = {name: np.percentile(values, INTERVAL).tolist() for name, values in drawn.items()}
    if "roc_auc" in found:
        found["gini"] = [2 * bound - 1 for bound in found["roc_auc"]]
    return found


def row_figures(
    outcomes: Outcomes, probabilities: FloatArray, policy: Policy, costs: Costs
) -> dict[str, FloatArray]:
    """Return, by name, figures (rows,) whose mean over rows is the figure of the whole."""
    decisions = policy.decide_all(probabilities)
    return {
        "bad_rate": outcomes.astype(np.float64),
        "brier": (probabilities - outcomes) ** 2,
        "log_loss": log_losses(outcomes, probabilities),
        "cost_per_case": cost_of_decisions(outcomes, probabilities, policy, costs),
        **{
            f"{decision}_rate": (decisions == code).astype(np.float64)
            for code, decision in enumerate(("approval", "refer", "decline"))
        },
        "declined_bad": ((decisions == DECISIONS.index(Decision.DECLINE)) & (outcomes == 1)).astype(float),
    }


def _weighted(judged: Judged, weights: FloatArray) -> dict[str, float]:
    rounds = [
        _round_figures(judged, order, rows, weights)
        for order, rows in zip(judged.orders, judged.row_figures, strict=True)
    ]
    return {name: float(np.mean([figures[name] for figures in rounds])) for name in rounds[0]}


def _round_figures(
    judged: Judged, order: Order, rows: Mapping[str, FloatArray], weights: FloatArray
) -> dict[str, float]:
    total = weights.sum()
    means = {name: float((weights * values).sum() / total) for name, values in rows.items()}
    ranking = order.ranking(judged.outcomes, weights)
    caught, declined, bad = means.pop("declined_bad"), means["decline_rate"], means["bad_rate"]
    precision, recall = caught / declined if declined else 0.0, caught / bad
    return {
        **means,
        "roc_auc": ranking.roc_auc,
        "pr_auc": ranking.pr_auc,
        "ks": ranking.ks[0],
        "accuracy": 1 - (declined - caught) - (bad - caught),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if caught else 0.0,
    }
