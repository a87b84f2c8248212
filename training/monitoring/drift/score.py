"""Drift of the score: the population stability index of P(bad)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.profile import SCORE_BORDERS
from training.monitoring.drift.judging import STABILITY, Status
from training.monitoring.drift.reference import Reference, counted, stability
from training.monitoring.drift.significance import of_counts

_ANOTHER_FIT = "the profile's scores are those of another fit"


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """What became of the score: its PSI over twentieths of P(bad), the test's p, and its means.

    why: where it is not judged.
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
    before = np.array(reference.profile.probability.counts, np.int64)
    counts, _ = counted(scores, SCORE_BORDERS, len(before))
    psi = stability(before.tolist(), counts.tolist())
    mean = float(scores.mean()) if len(scores) else float("nan")
    if reference.source == "profile":
        return ScoreDrift(psi, None, mean, reference.mean, Status.FEW, _ANOTHER_FIT)
    p = of_counts(before, counts)
    return ScoreDrift(psi, p, mean, reference.mean, STABILITY.judge(psi, p, level))
