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
class Moments:
    """A mean, and the second and third moment about it."""

    mean: float
    second: float
    third: float

    @classmethod
    def of(cls, values: FloatArray) -> Moments:
        """Return the moments of values (rows,)."""
        mean = float(values.mean())
        return cls(mean, float(values.var(ddof=1)), float(((values - mean) ** 3).mean()))


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

    def expected(self) -> Moments:
        """Return the moments that the differences would have if the models' mean P(bad) were the truth."""
        p, bad, good = self.probable, self.if_bad, self.if_good
        mean = float(np.mean(p * bad + (1 - p) * good))
        second, third = (
            float(np.mean(p * (bad - mean) ** power + (1 - p) * (good - mean) ** power)) for power in (2, 3)
        )
        return Moments(mean, second, third)


@dataclass(frozen=True)
class Paired:
    """A mean difference per row, challenger minus champion, with one-sided bounds at the level each.

    better: whether even the upper bound, which is the careful one, lies below zero. worse: whether even the lower bound
    lies above zero. p is of better.
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
    """Return the paired test of a mean difference, one-sided at `level` in either direction.

    It is Student's, made careful where it says better. The variance is no smaller than the models themselves lead to
    expect: a rare costly outcome that chance has kept away would else look like no risk at all. And the mean is
    corrected for skewness (Johnson, 1978): where losses are rare and large, few of them make both mean and variance
    small. Rows count as independent of one another.
    """
    from scipy.stats import t

    rows, seen, expected = len(outcomes), Moments.of(differences.observed(outcomes)), differences.expected()
    quantile = float(t.ppf(1 - level, rows - 1))
    careful = max(seen.second, expected.second)
    low = seen.mean - quantile * np.sqrt(seen.second / rows)
    if careful == 0.0:
        return Paired(seen.mean, low, seen.mean, 1.0, better=False, worse=bool(low > 0))
    skewness = max(seen.third, expected.third, 0.0)
    corrected = seen.mean + skewness / (6 * careful * rows) + skewness * seen.mean**2 / (3 * careful**2)
    error = np.sqrt(careful / rows)
    high = float(corrected + quantile * error)
    return Paired(
        seen.mean,
        float(low),
        high,
        float(t.cdf(corrected / error, rows - 1)),
        better=high < 0,
        worse=bool(low > 0),
    )
