"""Whether a model still ranks the bad before the good as well as it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds, logistic
from training.logistic_fit import fit_logistic
from training.performance.area import Area, Difference, area, difference
from training.performance.expected import expected_auc
from training.performance.figures import Known, too_few
from training.performance.maturity import Mask
from training.performance.reference import Against, against_untouched
from training.performance.seen import Seen
from training.use_case import Monitoring

# One look, one sided, in a hundred.
_UNLIKELY = NormalDist().inv_cdf(0.99)
# A difference of areas that is less certain than this tells neither.
_MOST_ERROR = 0.04

Verdict = Literal["intact", "worse", "unclear", "too few"]


@dataclass(frozen=True)
class Compared:
    """The difference to one thing that the area is held against."""

    source: str
    before: Area
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "source": self.source,
            "before": self.before.to_json(),
            "difference": self.difference.to_json(),
        }


@dataclass(frozen=True)
class Ranking:
    """The area under the ROC curve now, what the scores themselves promise of the same cases, and what it was.

    `worse` needs both: an area below what it was, and below what the scores promise, for cases that have become alike
    are harder to rank, which is no fault of the model. `alarm`: so much worse that it would hardly ever happen in a
    year of daily looks (a union bound over them).
    """

    verdict: Verdict
    alarm: bool
    now: Area | None
    expected: float | None
    compared: tuple[Compared, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "verdict": self.verdict,
            "alarm": self.alarm,
            "now": self.now.to_json() if self.now else None,
            "expected": self.expected,
            "compared": [item.to_json() for item in self.compared],
        }


@dataclass(frozen=True)
class Stretches:
    """Masks (rows,) of the outcomes that count, of now and of before."""

    now: Mask
    before: Mask


def ranking(seen: Seen, stretches: Stretches, evidence: Mapping[str, Any], monitoring: Monitoring) -> Ranking:
    """Return how the ranking stands, against the bundle's evidence and the model's own earlier decisions."""
    known = seen.known(stretches.now)
    if too_few(known):
        return Ranking("too few", False, None, None, ())
    now = area(known.probabilities, known.bad, known.weights)
    promise = expected_auc(_shifted(known), known.weights)
    compared = tuple(
        Compared(item.source, item.before, difference(item.now, item.before))
        for item in _against(seen, now, stretches, evidence)
    )
    tolerated = monitoring.tolerated_auc_loss
    below = max([0.0, *(_steps_below(item.difference, tolerated) for item in compared)])
    below = min(below, _steps_below(Difference(now.value - promise, now.error), tolerated))
    once_a_year = NormalDist().inv_cdf(1 - monitoring.alpha_ranking / 365 / max(len(compared), 1))
    return Ranking(_verdict(below, compared), below >= once_a_year, now, promise, compared)


def _against(seen: Seen, now: Area, stretches: Stretches, evidence: Mapping[str, Any]) -> Iterator[Against]:
    rows = seen.settled & (seen.at >= seen.at[stretches.now].min())
    weights = np.where(stretches.now, seen.weights, 0.0)[rows]
    untouched = against_untouched(evidence, seen.observed.probabilities[rows], seen.bad[rows], weights)
    if untouched:
        yield untouched
    before = seen.known(stretches.before)
    if not too_few(before):
        earlier = area(before.probabilities, before.bad, before.weights)
        yield Against("the model's own earlier matured decisions", now, earlier)


def _shifted(known: Known) -> FloatArray:
    """Return the probabilities (rows,) with the bad rate that was found: that they are all too low is no ranking."""
    x = log_odds(known.probabilities)
    shift = fit_logistic([np.ones(1)], known.bad.astype(np.int8), [0.0], base=x, pull=1e-6).coefficients[0]
    return logistic(x + float(shift))


def _steps_below(found: Difference, tolerated: float) -> float:
    """Return by how many standard errors an area is lower, 0 where that is tolerated."""
    return -found.steps if found.value <= -tolerated else 0.0


def _verdict(below: float, compared: Sequence[Compared]) -> Verdict:
    if below >= _UNLIKELY:
        return "worse"
    sure = any(item.difference.error <= _MOST_ERROR for item in compared)
    return "intact" if sure else "unclear"
