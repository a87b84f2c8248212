"""Cross-validate the candidates and choose: among those not significantly worse than the best, the cheapest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.calibrate import cross_calibrated
from training.candidates import Candidate
from training.data import Cases, Indices
from training.evaluate import log_losses
from training.splits import Fold

Z_95 = 1.96


@dataclass(frozen=True)
class OutOfFold:
    """Raw scores of rows held out of the fit that scored them; a row occurs once per round of folds."""

    rows: Indices
    raw_scores: FloatArray
    folds: Indices


@dataclass(frozen=True)
class Standing:
    """A candidate's place: mean figures over the folds, and its loss against the best one's, with 95 % interval."""

    candidate: Candidate
    roc_auc: float
    pr_auc: float
    brier: float
    log_loss: float
    worse_by: float
    interval: tuple[float, float]
    chosen: bool = False
    out_of_fold: OutOfFold = field(repr=False, kw_only=True)

    @property
    def significantly_worse(self) -> bool:
        """Whether the whole interval of the loss difference lies above zero."""
        return self.interval[0] > 0

    def to_json(self) -> dict[str, object]:
        """Return the figures as JSON data."""
        names = ("roc_auc", "pr_auc", "brier", "log_loss", "worse_by", "interval", "chosen")
        return {
            "name": self.candidate.name,
            "serving_class": self.candidate.serving_class.name.lower(),
            "parameters": dict(self.candidate.parameters),
            **{name: getattr(self, name) for name in names},
            "significantly_worse": self.significantly_worse,
        }


def score_out_of_fold(candidate: Candidate, cases: Cases, folds: Sequence[Fold], seed: int) -> OutOfFold:
    """Fit the candidate on each fold and score the rows that it did not see."""
    rows, scores, numbers = [], [], []
    for number, fold in enumerate(folds):
        predictor = candidate.predictor(cases.matrix[fold.fit], cases.outcomes[fold.fit], cases.levels, seed)
        rows.append(fold.score)
        scores.append(predictor.score_many(cases.matrix[fold.score]))
        numbers.append(np.full(len(fold.score), number))
    return OutOfFold(np.concatenate(rows), np.concatenate(scores), np.concatenate(numbers))


def compare(
    candidates: Sequence[Candidate],
    cases: Cases,
    folds: Sequence[Fold],
    seed: int,
    on_done: Callable[[Candidate], None] = lambda _: None,
) -> list[Standing]:
    """Cross-validate all candidates on the same folds; return them from best to worst, one of them chosen."""
    scored = []
    for candidate in candidates:
        scored.append((candidate, score_out_of_fold(candidate, cases, folds, seed)))
        on_done(candidate)
    losses = [_row_losses(cases, out) for _, out in scored]
    best = int(np.argmin([loss.mean() for loss in losses]))
    standings = [
        _standing(candidate, cases, out, loss, losses[best])
        for (candidate, out), loss in zip(scored, losses, strict=True)
    ]
    return _choose(standings)


def _choose(standings: list[Standing]) -> list[Standing]:
    eligible = [standing for standing in standings if not standing.significantly_worse]
    chosen = min(eligible, key=lambda item: (item.candidate.serving_class, item.log_loss))
    ranked = sorted(standings, key=lambda item: item.log_loss)
    return [_mark(item, chosen=item is chosen) for item in ranked]


def _mark(standing: Standing, *, chosen: bool) -> Standing:
    return Standing(**{**vars(standing), "chosen": chosen})


def _row_losses(cases: Cases, out: OutOfFold) -> FloatArray:
    """Return one log loss per row that was scored, averaged over rounds, after calibration."""
    outcomes = cases.outcomes[out.rows]
    loss = log_losses(outcomes, cross_calibrated(out.raw_scores, outcomes, out.rows))
    _, index = np.unique(out.rows, return_inverse=True)
    return np.bincount(index, weights=loss) / np.bincount(index)


def _standing(
    candidate: Candidate, cases: Cases, out: OutOfFold, losses: FloatArray, best: FloatArray
) -> Standing:
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    outcomes = cases.outcomes[out.rows]
    probabilities = cross_calibrated(out.raw_scores, outcomes, out.rows)
    parts = [out.folds == number for number in np.unique(out.folds)]
    parts = [part for part in parts if 0 < outcomes[part].sum() < part.sum()]

    def mean(figure: Callable[..., float]) -> float:
        return float(np.mean([figure(outcomes[part], probabilities[part]) for part in parts]))

    difference = losses - best
    half = Z_95 * float(difference.std()) / np.sqrt(len(difference))
    return Standing(
        candidate,
        roc_auc=mean(roc_auc_score),
        pr_auc=mean(average_precision_score),
        brier=mean(brier_score_loss),
        log_loss=float(losses.mean()),
        worse_by=float(difference.mean()),
        interval=(float(difference.mean() - half), float(difference.mean() + half)),
        out_of_fold=out,
    )
