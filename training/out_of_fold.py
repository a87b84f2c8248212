"""Scores of rows by fits that did not see them, and the probabilities that follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.calibration import Method
from training.calibrate import METHODS, Calibrated, calibrate, case_weights
from training.candidates import Candidate
from training.data import Cases, Indices, Outcomes
from training.splits import Fold


@dataclass(frozen=True)
class OutOfFold:
    """Raw scores of held-out rows.

    rows: distinct row numbers, ascending (rows,). raw_scores: (rounds, rows), one round for each time that all of
    them were scored. last_fit: what the last fold's fit gave, a predictor where the candidate is servable.
    last_scores: what it gave the rows held out of it (held rows,).
    """

    cases: Cases
    rows: Indices
    raw_scores: FloatArray
    last_fit: Any
    last_scores: FloatArray

    @property
    def outcomes(self) -> Outcomes:
        """Outcomes of the rows (rows,)."""
        return self.cases.outcomes[self.rows]

    @property
    def weights(self) -> FloatArray | None:
        """What each row stands for (rows,), None where each stands for itself."""
        rate = self.cases.use_case.population_bad_rate
        return None if rate is None else case_weights(self.outcomes, rate)

    @cached_property
    def calibrated(self) -> Calibrated:
        """The calibrator that fits these scores, and what was tried."""
        return self.calibrate(METHODS)

    @property
    def probabilities(self) -> FloatArray:
        """P(bad) (rounds, rows), each calibrated by a fit on other rows."""
        return self.calibrated.probabilities.reshape(self.raw_scores.shape)

    def calibrate(self, methods: Sequence[Method]) -> Calibrated:
        """Calibrate by one of these methods."""
        rounds = len(self.raw_scores)
        return calibrate(
            self.raw_scores.ravel(),
            np.tile(self.outcomes, rounds),
            np.tile(self.rows, rounds),
            self.cases.use_case.population_bad_rate,
            methods,
        )


def score_out_of_fold(
    candidate: Candidate,
    cases: Cases,
    folds: Sequence[Fold],
    seed: int,
    after_fold: Callable[[int, Fold, FloatArray], None] = lambda *_: None,
) -> OutOfFold:
    """Fit the candidate on each fold and score the rows that it did not see.

    `after_fold(number, fold, raw scores)` is called as each fold is done; what it raises ends the scoring.
    """
    scored = np.concatenate([fold.score for fold in folds])
    rows, times = np.unique(scored, return_counts=True)
    raw = np.full((times.max(), len(rows)), np.nan)
    seen = np.zeros(len(rows), dtype=np.intp)
    last_fit, scores = None, np.empty(0)
    for number, fold in enumerate(folds):
        last_fit = candidate.fitted(cases.matrix[fold.fit], cases.outcomes[fold.fit], cases.levels, seed)
        place = np.searchsorted(rows, fold.score)
        scores = last_fit.score_many(cases.matrix[fold.score])
        raw[seen[place], place] = scores
        seen[place] += 1
        after_fold(number, fold, scores)
    return OutOfFold(cases, rows, raw, last_fit, scores)
