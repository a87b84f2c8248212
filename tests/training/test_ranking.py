from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from training.ranking import Order, Ranking

Rows = st.lists(
    st.tuples(st.sampled_from([0.1, 0.2, 0.2000001, 0.5, 0.9]), st.booleans(), st.integers(0, 3)),
    min_size=2,
    max_size=40,
)


def ranking(scores: np.ndarray, outcomes: np.ndarray, weights: np.ndarray) -> Ranking:
    return Order(scores).ranking(outcomes.astype(np.int8), weights)


def parts(rows: list[tuple[float, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores, outcomes, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return scores, outcomes.astype(int), weights


@given(Rows)
def test_areas_are_those_of_scikit_learn_with_ties_and_weights(rows: list[tuple[float, bool, int]]) -> None:
    scores, outcomes, weights = parts(rows)
    if not 0 < (weights * outcomes).sum() < weights.sum():
        return
    found = ranking(scores, outcomes, weights)
    assert found.roc_auc == pytest.approx(roc_auc_score(outcomes, scores, sample_weight=weights))
    assert found.pr_auc == pytest.approx(average_precision_score(outcomes, scores, sample_weight=weights))


def test_curves_pass_through_the_points_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    outcomes = (random.random(300) < 0.3).astype(int)
    scores = np.round(random.normal(outcomes, 1.0), 1)
    found = ranking(scores, outcomes, np.ones(300))
    fpr, tpr = found.roc()
    expected = roc_curve(outcomes, scores, drop_intermediate=False)
    assert np.allclose(fpr, expected[0])
    assert np.allclose(tpr, expected[1])
    recall, precision = found.precision_recall()
    theirs = precision_recall_curve(outcomes, scores)
    assert np.allclose(precision, theirs[0][:-1][::-1])
    assert np.allclose(recall, theirs[1][:-1][::-1])


def test_ks_is_the_largest_distance_and_says_where() -> None:
    scores, outcomes = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 0, 1, 1])
    assert ranking(scores, outcomes, np.ones(4)).ks == (1.0, 0.2)


def test_all_scores_equal_order_nothing() -> None:
    found = ranking(np.full(6, 0.5), np.array([0, 1, 0, 1, 0, 1]), np.ones(6))
    assert (found.roc_auc, found.ks[0]) == (0.5, 0.0)
