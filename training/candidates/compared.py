"""Neighbours and kernels: their models are rows of past cases, so they are compared and tracked, never bundled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from service.scoring.arithmetic import FloatArray, log_odds
from training.candidates.candidate import RawScorer
from training.candidates.designs import design_for, rows_to_fit
from training.data import Outcomes

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class FittedRows:
    """A model that scores through the library it was fitted with; it has no files."""

    score: Callable[[FloatArray], FloatArray]

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs)."""
        from threadpoolctl import threadpool_limits

        # One thread: how many add up decides the last bits.
        with threadpool_limits(1, user_api="blas"):
            return self.score(matrix)


def knn_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest the number of neighbours."""
    return {"neighbours": trial.suggest_int("neighbours", 5, 400, log=True)}


def svm_space(trial: optuna.Trial) -> dict[str, Any]:
    """Suggest the kernel's width and the penalty on errors."""
    return {
        "gamma": trial.suggest_float("gamma", 0.02, 5.0, log=True),
        "C": trial.suggest_float("C", 1e-3, 10.0, log=True),
    }


def fit_knn(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> RawScorer:
    """Score by the share of bad among the nearest of at most `most_rows` rows, in log-odds.

    One more neighbour is added that is bad at the overall rate: no share is 0 or 1.
    """
    from sklearn.neighbors import NearestNeighbors

    rows = rows_to_fit(outcomes, parameters["most_rows"], seed)
    design, bad = design_for(matrix, levels), outcomes[rows].astype(np.float64)
    count, rate = min(parameters["neighbours"], len(rows)), float(outcomes.mean())
    # Half the precision is twice the speed, and tells neighbours from strangers as well.
    model = NearestNeighbors(n_neighbors=count, algorithm="brute")
    model.fit(design.of_many(matrix[rows]).astype(np.float32))

    def score(some: FloatArray) -> FloatArray:
        nearest = model.kneighbors(design.of_many(some).astype(np.float32), return_distance=False)
        return log_odds((bad[nearest].sum(axis=1) + rate) / (count + 1))

    return FittedRows(score)


def fit_svm(
    matrix: FloatArray, outcomes: Outcomes, levels: Sequence[int], parameters: Mapping[str, Any], seed: int
) -> RawScorer:
    """Score by the margin of a linear support vector machine on `landmarks` columns that stand in for an RBF kernel.

    The kernel is e**(-gamma / columns * squared distance), approximated after Nystroem; at most `most_rows` rows.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.kernel_approximation import Nystroem
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC
    from threadpoolctl import threadpool_limits

    rows = rows_to_fit(outcomes, parameters["most_rows"], seed)
    design = design_for(matrix, levels)
    landmarks = min(parameters["landmarks"], len(rows))
    kernel = Nystroem(gamma=parameters["gamma"] / design.width, n_components=landmarks, random_state=seed)
    model = make_pipeline(kernel, LinearSVC(C=parameters["C"], dual=False, random_state=seed))
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        # It stops after 1,000 steps, by then close enough to compare.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(design.of_many(matrix[rows]), outcomes[rows])
    return FittedRows(lambda some: np.asarray(model.decision_function(design.of_many(some))))
