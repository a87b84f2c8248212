"""How well scores order the bad before the good: curves and their areas, with a weight per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray


class Order:
    """Rows in order of their scores (rows,), tied ones together; it is found once and weighed many times."""

    def __init__(self, scores: FloatArray) -> None:
        self._rows = np.argsort(scores, kind="stable")
        ordered = scores[self._rows]
        self._starts = np.flatnonzero(np.r_[True, np.diff(ordered) > 0]) if len(scores) else np.empty(0, int)
        self.scores = ordered[self._starts]

    def ranking(self, outcomes: npt.NDArray[np.int8], weights: FloatArray) -> Ranking:
        """Weigh the rows: `outcomes` (rows,), 1 = bad, and `weights` (rows,), at least 0."""
        bad = np.add.reduceat((weights * outcomes)[self._rows], self._starts)
        both = np.add.reduceat(weights[self._rows], self._starts)
        return Ranking(self.scores, bad, both - bad)


@dataclass(frozen=True)
class Ranking:
    """Weight of bad and good rows at each distinct score, from the lowest score to the highest."""

    scores: FloatArray
    bad: FloatArray
    good: FloatArray

    @property
    def roc_auc(self) -> float:
        """The chance that a bad row has a higher score than a good one, half for a tie (Hanley and McNeil, 1982)."""
        below = np.cumsum(self.good) - self.good
        return float((self.bad * (below + self.good / 2)).sum() / (self.bad.sum() * self.good.sum()))

    @property
    def pr_auc(self) -> float:
        """Average precision: precision at each score, weighted by the recall that the score adds."""
        found, passed = np.cumsum(self.bad[::-1]), np.cumsum((self.bad + self.good)[::-1])
        precision = np.divide(found, passed, out=np.zeros_like(found), where=passed > 0)
        return float((self.bad[::-1] * precision).sum() / found[-1])

    @property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """Shares of the bad and of the good whose score is at most each distinct score."""
        return np.cumsum(self.bad) / self.bad.sum(), np.cumsum(self.good) / self.good.sum()

    @property
    def ks(self) -> tuple[float, float]:
        """The largest distance between the score distributions of bad and good, and the score it is at."""
        bad, good = self.shares
        at = int(np.argmax(np.abs(bad - good)))
        return float(abs(bad[at] - good[at])), float(self.scores[at])

    def roc(self) -> tuple[FloatArray, FloatArray]:
        """Return false and true positive rates, from no row called bad to every row."""
        bad, good = self.shares
        return np.r_[1 - good[::-1], 1.0], np.r_[1 - bad[::-1], 1.0]

    def precision_recall(self) -> tuple[FloatArray, FloatArray]:
        """Return recall and precision, from the highest score down."""
        found, passed = np.cumsum(self.bad[::-1]), np.cumsum((self.bad + self.good)[::-1])
        keep = passed > 0
        return found[keep] / found[-1], found[keep] / passed[keep]
