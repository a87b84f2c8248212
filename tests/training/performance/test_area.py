from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from service.scoring.arithmetic import FloatArray, logistic
from training.performance.area import area, binned_area, difference


def drawn(rows: int, seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(-1.0, 1.2, rows)
    return np.round(x, 1), (rng.random(rows) < logistic(x)).astype(np.float64)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 300))
def test_the_area_is_that_of_scikit_learn_weighted_or_not(seed: int, rows: int) -> None:
    scores, bad = drawn(rows, seed)
    bad[:2], bad[2:4] = 1, 0
    weights = np.random.default_rng(seed).integers(1, 5, rows).astype(np.float64)
    assert area(scores, bad, np.ones(rows)).value == pytest.approx(roc_auc_score(bad, scores))
    assert area(scores, bad, weights).value == pytest.approx(
        roc_auc_score(bad, scores, sample_weight=weights)
    )


def test_the_standard_error_is_that_of_delong_worked_by_hand() -> None:
    # Bad at 2 and 4, good at 1, 2 and 3: the bad are above 1.5 and 3 of 3, the good below 2, 1.5 and 1 of 2.
    scores, bad = np.array([2.0, 4.0, 1.0, 2.0, 3.0]), np.array([1.0, 1.0, 0.0, 0.0, 0.0])
    found = area(scores, bad, np.ones(5))
    of_bad, of_good = np.array([0.5, 1.0]), np.array([1.0, 0.75, 0.5])
    assert found.value == pytest.approx(0.75)
    assert found.error == pytest.approx(np.sqrt(of_bad.var(ddof=1) / 2 + of_good.var(ddof=1) / 3))


def test_the_interval_covers_the_true_area_nineteen_times_in_twenty() -> None:
    scores, bad = drawn(200_000, 99)
    truth, covered, runs = area(scores, bad, np.ones(len(bad))).value, 0, 200
    for seed in range(runs):
        scores, bad = drawn(250, seed)
        low, high = area(scores, bad, np.ones(250)).interval
        covered += low <= truth <= high
    assert 0.91 <= covered / runs <= 0.985, covered / runs


def test_a_perfect_order_has_an_interval_too() -> None:
    scores, bad = np.arange(40.0), np.repeat([0.0, 1.0], 20)
    low, high = area(scores, bad, np.ones(40)).interval
    assert 0.5 < low < 1.0 <= high + 1e-9


def test_counts_in_bins_give_the_area_and_error_of_the_cases_that_they_count() -> None:
    scores, bad = drawn(3_000, 5)
    levels, index = np.unique(scores, return_inverse=True)
    good, bads = (np.bincount(index[bad == kind], minlength=len(levels)).astype(float) for kind in (0, 1))
    binned, direct = binned_area(good, bads), area(scores, bad, np.ones(len(bad)))
    assert binned.value == pytest.approx(direct.value)
    assert binned.error == pytest.approx(direct.error)


def test_a_difference_has_the_error_of_both() -> None:
    one, other = (area(*drawn(500, seed), np.ones(500)) for seed in (1, 2))
    found = difference(one, other)
    assert found.error == pytest.approx(np.hypot(one.error, other.error))
    assert found.to_json()["low"] < found.value < found.to_json()["high"]
