from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.calibration import MOST_KNOTS, Beta, Calibrator, Isotonic, Method
from training.calibrate import (
    METHODS,
    calibrate,
    case_weights,
    prior_offset,
)
from training.calibrator_fits import FITS, fit_beta, fit_isotonic, fit_platt
from training.data import Outcomes
from training.losses import log_losses

ROWS = 20_000


def normal_scores(rows: int = ROWS, seed: int = 0, mean: float = -1.5) -> FloatArray:
    return np.random.default_rng(seed).normal(mean, 1.5, size=rows)


def drawn(log_odds: FloatArray, seed: int = 1) -> Outcomes:
    return (np.random.default_rng(seed).random(len(log_odds)) < logistic(log_odds)).astype(np.int8)


def bent(scores: FloatArray) -> FloatArray:
    """A curve that no line and no beta follows."""
    return np.where(scores > -1, 0.2 * scores, np.where(scores > -2, 3 * scores + 2.8, 0.2 * scores - 2.8))


# The truth as a function of the raw score, for which a method is the simplest right one.
TRUTHS: dict[Method, Any] = {
    "none": lambda x: x,
    "temperature": lambda x: 0.5 * x,
    "platt": lambda x: 0.5 * x - 1.0,
    "beta": Beta(0.3, 2.0, -0.5).log_odds,
    "isotonic": bent,
}


@pytest.mark.parametrize("method", METHODS)
def test_the_method_of_the_lowest_loss_among_those_that_help_is_chosen_and_right(method: Method) -> None:
    scores = normal_scores()
    truth = TRUTHS[method](scores)
    found = calibrate(scores, drawn(truth), np.arange(ROWS))
    helping = [item for item in found.tried if item.helps or item.method == "none"]
    assert found.calibrator.method == min(helping, key=lambda item: item.log_loss).method
    assert METHODS.index(found.calibrator.method) >= METHODS.index(method)
    assert np.abs(found.calibrator.probability(scores) - logistic(truth)).mean() < 0.01


@pytest.mark.parametrize("method", METHODS)
def test_a_method_finds_the_parameters_that_the_outcomes_were_drawn_with(method: Method) -> None:
    scores = normal_scores(60_000)
    fit = FITS[method](scores, drawn(TRUTHS[method](scores)))
    assert fit is not None
    assert np.abs(fit.probability(scores) - logistic(TRUTHS[method](scores))).mean() < 0.01


@pytest.mark.parametrize("seed", range(5))
def test_pure_noise_is_not_fitted_by_a_flexible_method(seed: int) -> None:
    scores = normal_scores(800, seed)
    outcomes = (np.random.default_rng(seed + 100).random(800) < 0.2).astype(np.int8)
    found = calibrate(scores, outcomes, np.arange(800))
    assert found.calibrator.method in ("temperature", "platt", "beta")
    assert log_losses(outcomes, found.probabilities).mean() < log_losses(outcomes, logistic(scores)).mean()


def test_what_was_tried_says_how_much_each_gained_and_at_what_uncertainty() -> None:
    scores = normal_scores()
    found = calibrate(scores, drawn(TRUTHS["platt"](scores)), np.arange(ROWS)).to_json()
    assert found["chosen"] == "platt"
    assert [item["method"] for item in found["tried"]] == list(METHODS)
    assert [item["helps"] for item in found["tried"]] == [False, True, True, True, True]
    losses = [item["log_loss"] for item in found["tried"]]
    assert found["tried"][3]["gain"] == pytest.approx(losses[0] - losses[3])


def test_the_choice_can_be_kept_to_some_methods() -> None:
    scores = normal_scores()
    outcomes = drawn(bent(scores))
    assert calibrate(scores, outcomes, np.arange(ROWS), methods=("platt",)).calibrator.method == "platt"
    assert calibrate(scores, outcomes, np.arange(ROWS), methods=()).calibrator == Calibrator()


def test_rows_scored_in_several_rounds_are_no_more_evidence_than_rows_scored_once() -> None:
    scores = normal_scores(3_000)
    outcomes, rows = drawn(scores * 0.93), np.arange(3_000)
    once = calibrate(scores, outcomes, rows)
    five = calibrate(np.tile(scores, 5), np.tile(outcomes, 5), np.tile(rows, 5))
    assert five.calibrator.method == once.calibrator.method
    errors = [[item.standard_error for item in found.tried] for found in (once, five)]
    assert errors[1] == pytest.approx(errors[0], rel=0.1)


def test_a_row_is_never_calibrated_by_a_fit_that_saw_it() -> None:
    scores, outcomes = normal_scores(1_000), drawn(0.5 * normal_scores(1_000))
    # The first of each outcome are of one part, and still are when they change places.
    outcomes[:2] = 0, 1
    swapped = outcomes.copy()
    swapped[:2] = 1, 0
    rows, scores = np.tile(np.arange(1_000), 2), np.tile(scores, 2)
    before, after = (
        calibrate(scores, np.tile(these, 2), rows, methods=("platt",)).probabilities
        for these in (outcomes, swapped)
    )
    changed = np.unique(rows[before != after])
    assert not np.isin([0, 1], changed).any()
    assert len(changed) == pytest.approx(800, abs=2)


def test_how_rows_are_numbered_does_not_matter() -> None:
    scores = normal_scores(2_000)
    outcomes = drawn(0.5 * scores - 1)
    found = [
        calibrate(scores, outcomes, rows).calibrator for rows in (np.arange(2_000), np.arange(2_000) * 7 + 3)
    ]
    assert found[0] == found[1]


def test_the_same_scores_give_the_same_bytes() -> None:
    scores = normal_scores(3_000)
    outcomes = drawn(bent(scores))
    first, second = (calibrate(scores, outcomes, np.arange(3_000)) for _ in range(2))
    assert first.calibrator == second.calibrator
    assert first.probabilities.tobytes() == second.probabilities.tobytes()


@pytest.mark.parametrize("method", METHODS[1:])
def test_scores_that_rank_the_wrong_way_are_not_turned_round(method: Method) -> None:
    scores = normal_scores(5_000, mean=0)
    outcomes = drawn(-scores)
    assert FITS[method](scores, outcomes) is None
    assert calibrate(scores, outcomes, np.arange(5_000)).calibrator == Calibrator()


@pytest.mark.parametrize("scores", [np.zeros(200), np.r_[np.full(100, -2.0), np.full(100, 2.0)]])
def test_constant_and_separable_scores_give_finite_probabilities(scores: FloatArray) -> None:
    outcomes = np.r_[np.zeros(100), np.ones(100)].astype(np.int8)
    found = calibrate(scores, outcomes, np.arange(200))
    assert np.isfinite(found.probabilities).all()
    assert Calibrator.from_json(found.calibrator.to_json()) == found.calibrator


def test_with_fewer_than_ten_of_an_outcome_nothing_is_tried() -> None:
    outcomes = np.r_[np.zeros(50), np.ones(9)].astype(np.int8)
    found = calibrate(normal_scores(59), outcomes, np.arange(59))
    assert (found.calibrator, len(found.tried)) == (Calibrator(), 1)


@pytest.mark.parametrize("rows", [20, 60, 400, 5_000])
def test_every_fit_can_be_stored_whatever_the_sample(rows: int) -> None:
    for seed in range(10):
        scores = np.round(normal_scores(rows, seed), seed % 3)
        for method, fit in FITS.items():
            found = fit(scores, drawn(scores, seed))
            assert found is None or Calibrator.from_json(found.to_json()) == found, (method, seed)


def test_beta_holds_its_coefficients_at_zero_rather_than_turn_a_tail_round() -> None:
    scores = normal_scores(mean=0)
    outcomes = drawn(np.where(scores < 0, -0.7 * scores, 2 * scores) - 1)
    found = fit_beta(scores, outcomes)
    assert found is not None
    assert isinstance(found.curve, Beta)
    assert (found.curve.a, found.curve.b > 0) == (0.0, True)


def test_isotonic_follows_scikit_learns_steps() -> None:
    scores = normal_scores(60_000)
    outcomes = drawn(bent(scores))
    found = fit_isotonic(scores, outcomes)
    assert found is not None
    steps = IsotonicRegression(out_of_bounds="clip").fit(scores, outcomes).predict(scores)
    assert np.abs(found.probability(scores) - steps).mean() < 0.01


def test_isotonic_lies_on_platts_line_where_that_is_right() -> None:
    scores = normal_scores(200_000, mean=-5)
    outcomes = drawn(scores)
    line, curve = fit_platt(scores, outcomes), fit_isotonic(scores, outcomes)
    assert line is not None
    assert curve is not None
    assert isinstance(curve.curve, Isotonic)
    assert 10 < len(curve.curve.raw_scores) <= MOST_KNOTS
    assert np.abs(curve.probability(scores) - line.probability(scores)).mean() < 0.003
    assert abs(curve.probability(scores).mean() - outcomes.mean()) < 2e-4


def test_isotonic_never_promises_that_a_case_cannot_be_bad() -> None:
    scores = normal_scores(5_000)
    outcomes = np.where(scores < -2, 0, drawn(scores)).astype(np.int8)
    found = fit_isotonic(scores, outcomes)
    assert found is not None
    assert isinstance(found.curve, Isotonic)
    assert -12 < found.log_odds(-2.9) < -6, "among 700 rows with no bad case"
    assert min(found.curve.log_odds_at) > -15


def test_isotonic_keeps_the_ranking_at_both_ends() -> None:
    scores = normal_scores(5_000)
    found = fit_isotonic(scores, drawn(scores))
    assert found is not None
    ends = np.sort(scores)[[0, 1, 2, -3, -2, -1]]
    assert (np.diff(found.log_odds(ends)) > 0).all()


def test_a_corrected_prior_makes_probabilities_right_where_the_sample_alone_makes_them_wrong() -> None:
    scores = normal_scores(400_000, mean=-4)
    outcomes = drawn(scores)
    # Every bad case and one good case in twenty are kept; the model is right about what it was shown.
    kept = (outcomes == 1) | (np.random.default_rng(2).random(len(outcomes)) < 0.05)
    shown, shown_outcomes = scores[kept] + np.log(20), outcomes[kept]
    rows = np.arange(len(shown))
    plain = calibrate(shown, shown_outcomes, rows).calibrator
    corrected = calibrate(shown, shown_outcomes, rows, float(outcomes.mean())).calibrator
    truth = logistic(scores[kept])
    assert np.abs(corrected.probability(shown) - truth).mean() < 0.002
    assert np.abs(plain.probability(shown) - truth).mean() > 0.1


def test_an_offset_moves_bundle_and_judgement_alike() -> None:
    scores = normal_scores(4_000)
    outcomes, rows = drawn(scores), np.arange(4_000)
    found = calibrate(scores, outcomes, rows, population_bad_rate=0.01)
    assert found.calibrator.offset == prior_offset(outcomes, 0.01)
    assert found.calibrator.method == "none"
    assert found.probabilities.tobytes() == found.calibrator.probability(scores).tobytes()


def test_case_weights_turn_the_sample_into_the_population() -> None:
    outcomes = np.r_[np.zeros(70), np.ones(30)].astype(np.int8)
    weights = case_weights(outcomes, 0.02)
    assert np.average(outcomes, weights=weights) == pytest.approx(0.02)
    assert weights.mean() == pytest.approx(1.0)
    assert case_weights(outcomes, None).tolist() == [1.0] * 100


def test_without_a_population_rate_nothing_is_corrected() -> None:
    assert prior_offset(np.array([0, 1], dtype=np.int8), None) == 0.0
    assert prior_offset(np.array([0, 1], dtype=np.int8), 0.5) == 0.0


def test_real_card_fraud_comes_out_at_its_natural_rate_and_in_the_same_order(real_data: Path) -> None:
    natural = 0.00172
    table = pd.read_csv(real_data / "ulb_creditcard_sample.csv")
    outcomes = table["Class"].to_numpy().astype(np.int8)
    matrix = table[[f"V{i}" for i in range(1, 29)]].to_numpy()
    scores, rows = np.empty(len(outcomes)), np.arange(len(outcomes))
    for fit, held in StratifiedKFold(5, shuffle=True, random_state=0).split(matrix, outcomes):
        model = LogisticRegression(C=0.01, max_iter=1_000).fit(matrix[fit], outcomes[fit])
        scores[held] = model.decision_function(matrix[held])
    plain = calibrate(scores, outcomes, rows)
    corrected = calibrate(scores, outcomes, rows, population_bad_rate=natural)
    weights = case_weights(outcomes, natural)
    assert np.average(corrected.probabilities, weights=weights) == pytest.approx(natural, rel=0.15)
    assert np.average(plain.probabilities, weights=weights) > 10 * natural
    aucs = [roc_auc_score(outcomes, found.probabilities) for found in (plain, corrected)]
    assert aucs[0] == pytest.approx(aucs[1], abs=1e-12)
    ranks = [np.argsort(found.calibrator.log_odds(scores), kind="stable") for found in (plain, corrected)]
    assert (ranks[0] == ranks[1]).all()
