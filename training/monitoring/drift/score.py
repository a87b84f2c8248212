"""Drift of the score: the population stability index of P(bad)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.monitoring.drift.judging import STABILITY, Status
from training.monitoring.drift.reference import Reference, counted, stability
from training.monitoring.drift.significance import Counts, of_counts

_ANOTHER_FIT = "the profile's scores are those of another fit"
_TWENTIETHS = np.arange(0.05, 0.951, 0.05)


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """What became of the score: its PSI over twentieths of the reference, the test's p, and its means.

    Against a profile the bins are the profile's. why: where it is not judged.
    """

    psi: float | None
    p: float | None
    mean: float
    reference_mean: float
    status: Status
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**asdict(self), "status": str(self.status)}


def score_drift(scores: FloatArray, reference: Reference, level: float) -> ScoreDrift:
    """Return what became of the score; scores (rows,): P(bad) by the model that scored the reference window.

    A profile holds the scores of the fit that was judged, before the bundle was fitted again on all rows: these differ
    also where no record has changed. Against it the index is told, and not judged.
    """
    before, counts = _counts(scores, reference)
    psi = stability(before.tolist(), counts.tolist())
    mean = float(scores.mean()) if len(scores) else float("nan")
    if reference.source == "profile":
        return ScoreDrift(psi, None, mean, reference.mean, Status.FEW, _ANOTHER_FIT)
    p = of_counts(before, counts)
    return ScoreDrift(psi, p, mean, reference.mean, STABILITY.judge(psi, p, level))


def _counts(scores: FloatArray, reference: Reference) -> tuple[Counts, Counts]:
    """Return the reference's and the new scores by bin (bins,).

    Of a window the reference's own quantiles are the borders: of a rare outcome nearly all scores would lie in the
    first of bins that are equally wide in P(bad).
    """
    if reference.scores is None:
        there = reference.profile.probability
        return np.array(there.counts, np.int64), counted(scores, there.borders, len(there.counts))[0]
    quantiles = np.quantile(reference.scores, _TWENTIETHS, method="inverted_cdf")
    found, times = np.unique(quantiles, return_counts=True)
    # A score that many have is a bin of its own, or a rise above it would be seen by nobody.
    borders = tuple(np.union1d(found, np.nextafter(found[times > 1], 1.0)).tolist())
    before, after = (counted(part, borders, len(borders) + 1)[0] for part in (reference.scores, scores))
    return before, after
