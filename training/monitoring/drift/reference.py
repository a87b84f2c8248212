"""What new decisions are compared with: those of a window before, or the profile that the bundle brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.profile import Distribution, Profile, make_profile, stability_index
from service.scoring.scorer import Scorer
from training.monitoring.drift.significance import Counts
from training.monitoring.observed import Observed, Refused, scored_by


@dataclass(frozen=True)
class Reference:
    """How inputs and scores were distributed before.

    profile: counts in bins, whatever the source. matrix (rows, inputs) and scores (rows,), which are P(bad): None where
    the source is the bundle's profile. mean, mean_variance: of P(bad), and of that mean. variance: of P(bad) from case
    to case. received: records that came, `refused` of them included; None where nobody counted.
    """

    source: Literal["window", "profile"]
    profile: Profile
    mean: float
    mean_variance: float
    variance: float
    matrix: FloatArray | None = None
    scores: FloatArray | None = None
    refused: Refused | None = None
    received: int = 0

    @property
    def rows(self) -> int:
        """How many decisions, or held-out cases, it is of."""
        return self.profile.rows


def window_reference(observed: Observed, scorer: Scorer) -> Reference:
    """Return the decisions of a window as a reference, its scores all of this scorer."""
    scores = scored_by(observed, scorer)
    return Reference(
        source="window",
        profile=make_profile(scorer.contract, observed.matrix, scores, scorer.policy.refer_from),
        mean=float(scores.mean()),
        mean_variance=float(scores.var()) / observed.rows,
        variance=float(scores.var()),
        matrix=observed.matrix,
        scores=scores,
        refused=observed.refused,
        received=observed.received,
    )


def profile_reference(scorer: Scorer) -> Reference:
    """Return the profile of a bundle as a reference: the rows that its training held out.

    The mean of their scores is their bad rate, as far as they are calibrated.
    """
    rate = float(scorer.evidence["procedure"]["metrics"]["bad_rate"])
    return Reference(
        source="profile",
        profile=scorer.profile,
        mean=rate,
        mean_variance=rate * (1 - rate) / max(scorer.profile.rows, 1),
        variance=_variance(scorer.profile.probability),
    )


def counted(values: FloatArray, borders: tuple[float, ...], bins: int) -> tuple[Counts, int]:
    """Return how many values (rows,) lie in each bin as the profile counts them, and how many are null.

    Without borders and with several bins the values are positions of levels.
    """
    present = values[~np.isnan(values)]
    if borders or bins == 1:
        codes = np.searchsorted(np.array(borders), present, side="right")
    else:
        codes = present.astype(np.int64)
    return np.bincount(codes, minlength=bins), len(values) - len(present)


def stability(before: Sequence[int], counts: Sequence[int]) -> float | None:
    """Return the population stability index over the bins that hold any case; None where one of both has none.

    Bins that are empty before and now say nothing, and smoothed they would: the smaller of two samples would seem to
    have more in them.
    """
    filled = [pair for pair in zip(before, counts, strict=True) if any(pair)]
    if not (sum(before) and sum(counts)):
        return None
    return stability_index([old for old, _ in filled], [new for _, new in filled])


def _variance(scores: Distribution) -> float:
    """Return the variance of scores that were counted in bins, each taken for the middle of its bin."""
    edges = np.array([0.0, *scores.borders, 1.0])
    counts = np.array(scores.counts, np.float64)
    if not counts.sum():
        return 0.0
    middles = (edges[1:] + edges[:-1]) / 2
    return float(np.average((middles - np.average(middles, weights=counts)) ** 2, weights=counts))
