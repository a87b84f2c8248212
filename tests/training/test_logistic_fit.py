from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from service.scoring.arithmetic import FloatArray, logistic
from training.data import Outcomes
from training.logistic_fit import fit_logistic, log_losses_at

ONE = np.ones(1)


def drawn(log_odds: FloatArray, seed: int = 0) -> Outcomes:
    return (np.random.default_rng(seed).random(len(log_odds)) < logistic(log_odds)).astype(np.int8)


def test_coefficients_are_those_of_scikit_learn() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 3_000))
    outcomes = drawn(0.8 * a - 1.7 * b - 2.0)
    found = fit_logistic([a, b, ONE], outcomes, [1.0, 1.0, 0.0], pull=1e-9)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(np.stack([a, b], axis=1), outcomes)
    assert found.coefficients == pytest.approx([*theirs.coef_[0], *theirs.intercept_], abs=1e-5)


def test_wald_intervals_hold_the_truth_at_their_rate() -> None:
    x = np.random.default_rng(2).normal(size=600)
    within = []
    for seed in range(400):
        fit = fit_logistic([x, ONE], drawn(1.3 * x - 0.7, seed), [1.0, 0.0])
        within.append(np.abs(fit.coefficients - [1.3, -0.7]) <= 1.96 * fit.standard_errors)
    assert np.mean(within, axis=0) == pytest.approx([0.95, 0.95], abs=0.03)


def test_a_base_is_added_to_the_log_odds() -> None:
    x = np.random.default_rng(3).normal(size=20_000)
    fit = fit_logistic([ONE], drawn(x + 0.4), [0.0], base=x)
    assert fit.coefficients == pytest.approx([0.4], abs=0.06)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 4e4])
def test_separable_data_give_a_finite_fit_that_parts_them(scale: float) -> None:
    x = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0]) * scale
    fit = fit_logistic([x, ONE], (x > 0).astype(np.int8), [1.0, 0.0])
    slope, intercept = fit.coefficients
    assert np.isfinite(fit.coefficients).all()
    assert ((slope * x + intercept > 0) == (x > 0)).all()


def test_a_start_far_away_does_not_diverge() -> None:
    x = np.random.default_rng(4).normal(size=2_000)
    outcomes = drawn(0.02 * (1_000 * x))
    near, far = (fit_logistic([1_000 * x, ONE], outcomes, [at, 0.0]) for at in (0.02, 50.0))
    assert far.coefficients == pytest.approx(near.coefficients, rel=1e-3, abs=1e-2)


def test_columns_that_are_alike_share_what_they_explain() -> None:
    x = np.random.default_rng(5).normal(size=2_000)
    fit = fit_logistic([x, x], drawn(x), [0.5, 0.5])
    assert fit.coefficients[0] == pytest.approx(fit.coefficients[1])
    assert fit.coefficients.sum() == pytest.approx(1.0, abs=0.2)


def test_log_losses_at_extreme_log_odds_are_exact() -> None:
    losses = log_losses_at(np.array([-800.0, 800.0, 0.0, -800.0]), np.array([1, 0, 1, 0], dtype=np.int8))
    assert losses.tolist() == [800.0, 800.0, np.log(2.0), 0.0]
