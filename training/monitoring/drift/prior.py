"""Prior shift: the bad rate that the scores of new records speak of, if nothing but the bad rate has changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from typing import Any

from service.scoring.arithmetic import FloatArray
from training.intervals import Z_95, Interval
from training.monitoring.drift.judging import PRIOR, Status
from training.monitoring.drift.significance import of_means

_NEAREST = 1e-9


@dataclass(frozen=True, slots=True)
class PriorShift:
    """An estimate of the bad rate of new records, before any outcome is known; None where the scores tell nothing.

    rate, interval (95 %): estimated. reference_rate: what it was. shift: of the log-odds. p: that nothing has changed.
    """

    rate: float | None
    interval: Interval | None
    reference_rate: float
    shift: float | None
    p: float | None
    status: Status

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data, labelled."""
        return {
            **asdict(self),
            "interval": None if self.interval is None else list(self.interval),
            "status": str(self.status),
            "is": "an estimate from the scores alone, which holds if only the bad rate has changed",
        }


def prior_shift(
    scores: FloatArray, rate: float, rate_variance: float, level: float, usual_variance: float = 0.0
) -> PriorShift:
    """Estimate the bad rate of records with these P(bad) (rows,), calibrated where the bad rate is `rate`.

    It is where the EM of Saerens, Latinne and Decaestecker (2002) comes to rest: the maximum of a likelihood that has
    only one. Its interval is Wald's on log-odds, widened by what is not known of `rate`, the mean of a sample whose
    variance is `rate_variance`. Near no shift the estimate follows the mean of the scores, which is what p compares.
    Scores are skewed: a few low ones have a low mean and hardly any variance, which would make chance look certain, so
    that they count as varying at least as they usually do, `usual_variance` from case to case.
    """
    if not len(scores) or not 0 < rate < 1:
        return PriorShift(None, None, rate, None, None, Status.FEW)
    variance = float(scores.var()) / len(scores)
    found = _most_likely(scores / rate, (1 - scores) / (1 - rate))
    careful = max(variance, usual_variance / len(scores))
    p = of_means((rate, rate_variance), (float(scores.mean()), careful))
    if found is None or variance == 0:
        return PriorShift(None, None, rate, None, p, Status.FEW)
    estimate, information = found
    half = Z_95 * sqrt((1 + rate_variance / variance) / information) / (estimate * (1 - estimate))
    centre = _logit(estimate)
    shift = centre - _logit(rate)
    interval = (_logistic(centre - half), _logistic(centre + half))
    return PriorShift(estimate, interval, rate, shift, p, PRIOR.judge(abs(shift), p, level))


def _most_likely(bad: FloatArray, good: FloatArray) -> tuple[float, float] | None:
    """Return the share of bad that best explains densities (rows,) of either kind, and the information on it.

    None where they do not differ. The slope of the log-likelihood falls all the way, so that halving finds its zero.
    """
    difference = bad - good
    low, high = _NEAREST, 1 - _NEAREST
    for _ in range(50):
        middle = (low + high) / 2
        if (difference / (good + middle * difference)).sum() > 0:
            low = middle
        else:
            high = middle
    information = float(((difference / (good + low * difference)) ** 2).sum())
    return (low, information) if information > 0 else None


def _logit(rate: float) -> float:
    return log(rate / (1 - rate))


def _logistic(log_odds: float) -> float:
    return 1 / (1 + exp(min(-log_odds, 700.0)))
