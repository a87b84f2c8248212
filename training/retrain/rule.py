"""The rule of promotion: when a challenger counts as better than the champion on the rows that judge both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Policy
from training.data import Outcomes
from training.losses import cost_of_decisions, log_losses
from training.use_case import Costs, Objective

LEVEL = 0.025


@dataclass(frozen=True)
class Side:
    """One model on the judging rows: P(bad) (rows,), and the policy that decides."""

    probabilities: FloatArray
    policy: Policy


@dataclass(frozen=True)
class Differences:
    """Challenger minus champion, per row (rows,): what it would be for either outcome, and how likely bad is.

    Both models' answers are fixed before an outcome is known, so each row's difference can take two values only.
    """

    if_bad: FloatArray
    if_good: FloatArray
    probable: FloatArray

    def observed(self, outcomes: Outcomes) -> FloatArray:
        """Return the difference of each row (rows,) with the outcome that it had."""
        return np.where(outcomes == 1, self.if_bad, self.if_good)

    def unseen(self) -> FloatArray:
        """Return two rows (at most) that were not seen and might well have been: one of each unlucky kind.

        Where the challenger is the milder one, one more bad case; where it is the stricter one, one more good case;
        each of the mean size, as likely as the models' mean P(bad) says. Without them a rare costly outcome that
        chance has kept away would look like no risk at all, and its variance like none (after the rule of
        succession; Agresti and Coull, 1998, do the same for a share).
        """
        milder, stricter = self.if_bad > 0, self.if_good > 0
        pairs = (
            (milder, self.probable, self.if_bad),
            (stricter, 1.0 - self.probable, self.if_good),
        )
        found = [np.average(value[rows], weights=weight[rows]) for rows, weight, value in pairs if rows.any()]
        return np.array(found, np.float64)


@dataclass(frozen=True)
class Paired:
    """A mean difference per row, challenger minus champion, with one-sided bounds at the level each.

    better: whether even the upper bound lies below zero, with the rows not seen counted in. worse: whether even the
    lower bound lies above zero, without them. p is of better.
    """

    difference: float
    low: float
    high: float
    p: float
    better: bool
    worse: bool

    def to_json(self) -> dict[str, Any]:
        """Return the test as JSON data."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """What the rule says: the two tests, by the name of the objective, and whether the challenger is promoted."""

    level: float
    rows: int
    bad: int
    objective: Objective
    tests: Mapping[str, Paired]

    @property
    def promotes(self) -> bool:
        """Better on the use case's objective, and not worse on the other."""
        others = (test for name, test in self.tests.items() if name != self.objective)
        return self.tests[self.objective].better and not any(test.worse for test in others)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON data."""
        return {
            "promotes": self.promotes,
            "objective": str(self.objective),
            "level": self.level,
            "rows": self.rows,
            "bad": self.bad,
            **{name: test.to_json() for name, test in self.tests.items()},
        }


def verdict(
    outcomes: Outcomes, challenger: Side, champion: Side, costs: Costs, objective: Objective, level: float
) -> Verdict:
    """Judge a challenger against the champion by the rows' outcomes (rows,): cost of the decisions and log loss."""
    tests = {
        str(name): paired(differences, outcomes, level)
        for name, differences in both_differences(challenger, champion, costs).items()
    }
    return Verdict(level, len(outcomes), int(outcomes.sum()), objective, tests)


def both_differences(challenger: Side, champion: Side, costs: Costs) -> dict[Objective, Differences]:
    """Return what the two models differ by on each row, in cost and in log loss."""
    probable = (challenger.probabilities + champion.probabilities) / 2
    found: dict[Objective, list[FloatArray]] = {Objective.COST: [], Objective.LOG_LOSS: []}
    for outcome in (1, 0):
        all_of_one = np.full(len(probable), outcome, np.int8)
        own, other = (
            (
                cost_of_decisions(all_of_one, side.probabilities, side.policy, costs),
                log_losses(all_of_one, side.probabilities),
            )
            for side in (challenger, champion)
        )
        found[Objective.COST].append(own[0] - other[0])
        found[Objective.LOG_LOSS].append(own[1] - other[1])
    return {name: Differences(bad, good, probable) for name, (bad, good) in found.items()}


def paired(differences: Differences, outcomes: Outcomes, level: float) -> Paired:
    """Return the paired test of a mean difference, one-sided at `level` in either direction (Student's t).

    Rows count as independent of one another.
    """
    seen = differences.observed(outcomes)
    careful = np.append(seen, differences.unseen())
    mean, low, _, _ = _bounds(seen, level)
    _, _, high, p = _bounds(careful, level)
    return Paired(mean, low, high, p, better=high < 0, worse=low > 0)


def _bounds(values: FloatArray, level: float) -> tuple[float, float, float, float]:
    """Return mean, lower and upper bound, and the p-value of a mean below zero."""
    from scipy.stats import t

    mean, freedom = float(values.mean()), len(values) - 1
    error = float(values.std(ddof=1) / np.sqrt(len(values)))
    if error == 0.0:
        return mean, mean, mean, 0.0 if mean < 0 else 1.0
    half = float(t.ppf(1 - level, freedom)) * error
    return mean, mean - half, mean + half, float(t.cdf(mean / error, freedom))
