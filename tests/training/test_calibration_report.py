from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from service.scoring.arithmetic import FloatArray, log_odds, logistic
from training.calibrate import case_weights
from training.calibration_report import calibration_report
from training.calibration_report.chance import DRAWS, calibration_error
from training.calibration_report.goodness import hosmer_lemeshow, spiegelhalter
from training.calibration_report.grades import grade_tests, holm
from training.calibration_report.judged import judged
from training.calibration_report.recalibration import recalibration
from training.data import Outcomes

ROWS = 5_000
RNG = np.random.default_rng(0)
TRUTH = RNG.normal(-1.5, 1.2, size=ROWS)
P = logistic(TRUTH)


def drawn(probabilities: FloatArray, seed: int = 1) -> Outcomes:
    return (np.random.default_rng(seed).random(len(probabilities)) < probabilities).astype(np.int8)


Y = drawn(P)


def finite(body: Any) -> str:
    """Return the report as strict JSON; fails for NaN and infinity, and for what is no JSON."""
    return json.dumps(body, allow_nan=False)


def test_brier_and_log_loss_are_those_of_scikit_learn() -> None:
    report = calibration_report(Y, P)
    assert report["brier"]["value"] == pytest.approx(brier_score_loss(Y, P))
    assert report["log_loss"] == pytest.approx(log_loss(Y, P))
    assert report["brier"]["skill"] == pytest.approx(1 - brier_score_loss(Y, P) / (Y.mean() * (1 - Y.mean())))


def test_the_parts_of_the_brier_score_add_up_to_it() -> None:
    brier = calibration_report(Y, P)["brier"]
    parts = brier["reliability"] - brier["resolution"] + brier["uncertainty"] + brier["within_bins"]
    assert parts == pytest.approx(brier["value"], abs=1e-15)


def test_nothing_is_left_within_bins_that_hold_one_probability_each() -> None:
    p = np.repeat(np.arange(1, 11) / 20, 500)
    assert calibration_report(drawn(p), p)["brier"]["within_bins"] == pytest.approx(0, abs=1e-12)


def test_probabilities_that_are_too_extreme_show_as_reliability_and_not_as_resolution() -> None:
    right, wrong = (calibration_report(Y, logistic(s * TRUTH))["brier"] for s in (1, 2))
    assert wrong["reliability"] > 10 * right["reliability"]
    assert wrong["resolution"] == right["resolution"]


def test_the_ece_is_the_mean_gap_over_ten_bins_of_equal_count() -> None:
    order = np.argsort(P, kind="stable")
    gaps = [abs(P[part].mean() - Y[part].mean()) * len(part) for part in np.array_split(order, 10)]
    assert calibration_report(Y, P)["ece"]["value"] == pytest.approx(sum(gaps) / ROWS)


def test_a_perfect_model_is_within_the_99th_percentile_of_chance_99_times_in_100() -> None:
    p = P[:400]
    cases = [judged(drawn(p, seed), p, None) for seed in range(200)]
    reports = [calibration_error(case, case) for case in cases]
    assert np.mean([report["within_chance"] for report in reports]) >= 0.97
    above = [report["value"] > report["chance"]["percentile_95"] for report in reports]
    assert np.mean(above) == pytest.approx(0.05, abs=0.03)
    values = [report["value"] for report in reports]
    assert reports[0]["chance"]["mean"] == pytest.approx(np.mean(values), rel=0.05)


def test_a_distorted_model_is_beyond_chance() -> None:
    ece = calibration_report(Y, logistic(TRUTH + 0.5))["ece"]
    assert ece["value"] > 2 * ece["chance"]["percentile_99"]
    assert ece["within_chance"] is False


def test_chance_is_drawn_the_same_every_time() -> None:
    assert finite(calibration_report(Y, P)) == finite(calibration_report(Y, P))
    assert calibration_report(Y, P)["ece"]["chance"]["draws"] == DRAWS


def test_slope_and_intercept_are_those_of_scikit_learn() -> None:
    p = logistic(1.4 * TRUTH + 0.5)
    found = calibration_report(Y, p)["recalibration"]
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds(p)[:, None], Y)
    assert found["slope"]["value"] == pytest.approx(model.coef_[0, 0], abs=1e-4)
    assert found["intercept"]["value"] == pytest.approx(model.intercept_[0], abs=1e-4)
    assert found["slope"]["low"] < 1 / 1.4 < found["slope"]["high"]
    assert found["in_the_large"]["high"] < 0, "probabilities are too high as a whole"


def test_the_intervals_hold_the_truth_at_their_rate() -> None:
    p, names = P[:500], ("in_the_large", "slope", "intercept")
    truth, hits = {"in_the_large": 0.0, "slope": 1.0, "intercept": 0.0}, []
    for seed in range(200):
        found = recalibration(judged(drawn(p, seed), p, None))
        hits.append([found[name]["low"] <= truth[name] <= found[name]["high"] for name in names])
    assert np.mean(hits, axis=0) == pytest.approx([0.95] * 3, abs=0.04)


def test_spiegelhalter_rejects_perfect_models_at_its_level() -> None:
    p = P[:1_000]
    p_values = [spiegelhalter(judged(drawn(p, seed), p, None))["p"] for seed in range(1_000)]
    assert np.mean(np.less(p_values, 0.05)) == pytest.approx(0.05, abs=0.02)
    assert np.mean(np.less(p_values, 0.5)) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    "wrong", [0.5 * TRUTH, 1.6 * TRUTH, TRUTH - 0.4], ids=["timid", "extreme", "too low"]
)
def test_distorted_models_are_caught_by_both_tests_of_the_whole(wrong: FloatArray) -> None:
    report = calibration_report(Y, logistic(wrong))
    assert report["spiegelhalter"]["p"] < 1e-3
    assert report["hosmer_lemeshow"]["p"] < 1e-6


def test_hosmer_lemeshow_has_a_mean_of_its_degrees_of_freedom_on_rows_that_were_held_out() -> None:
    p = P[:1_000]
    reports = [hosmer_lemeshow(judged(drawn(p, seed), p, None)) for seed in range(400)]
    assert reports[0]["df"] == 10
    assert np.mean([report["chi2"] for report in reports]) == pytest.approx(10, abs=0.7)
    assert "rejects every model" in reports[0]["note"]


def test_a_grade_is_tested_by_the_beta_posterior_of_its_bad_rate() -> None:
    p = np.repeat([0.02, 0.10], [1_000, 500])
    outcomes = np.concatenate([np.repeat([1, 0], [30, 970]), np.repeat([1, 0], [48, 452])]).astype(np.int8)
    first, second = calibration_report(outcomes, p, grades=[0.05])["grades"]["grades"]
    assert (first["from"], first["to"], second["from"], second["to"]) == (None, 0.05, 0.05, None)
    assert (first["rows"], first["bad"], first["bad_rate"]) == (1_000, 30, 0.03)
    assert first["mean_probability"] == pytest.approx(0.02)
    assert first["p_too_low"] == pytest.approx(beta(30.5, 970.5).cdf(0.02))
    assert first["p_two_sided"] == pytest.approx(2 * beta(30.5, 970.5).cdf(0.02))
    assert [first["low"], first["high"]] == pytest.approx(beta(30.5, 970.5).ppf([0.025, 0.975]))
    assert second["p_two_sided"] == pytest.approx(2 * beta(48.5, 452.5).sf(0.10))
    assert [first["verdict"], second["verdict"]] == ["too low", "in line"]


def test_the_jeffreys_test_rejects_right_grades_at_about_its_level() -> None:
    bad = np.arange(2_001)
    chance = binom(2_000, 0.03).pmf(bad)
    assert chance[beta(bad + 0.5, 2_000 - bad + 0.5).cdf(0.03) < 0.05].sum() == pytest.approx(0.05, abs=0.01)


def test_over_ten_grades_a_perfect_model_is_seldom_called_wrong() -> None:
    cases = [judged(drawn(P, seed), P, None) for seed in range(200)]
    reports = [grade_tests(case, case) for case in cases]
    assert len(reports[0]["grades"]) == 10
    assert sum(report["too_low"] > 0 for report in reports) <= 18
    alone = [any(grade["p_too_low"] < 0.05 for grade in report["grades"]) for report in reports]
    assert np.mean(alone) > 0.25, "without control false alarms are common"


def test_grades_of_probabilities_that_are_too_high_or_too_low_are_named_so() -> None:
    low, high = (calibration_report(Y, logistic(TRUTH + s))["grades"] for s in (-0.5, 0.5))
    assert (low["too_low"] >= 7, low["too_high"]) == (True, 0)
    assert (high["too_low"], high["too_high"] >= 7) == (0, True)


def test_a_border_belongs_to_the_grade_above_it_and_empty_grades_are_left_out() -> None:
    p = np.array([0.1, 0.2, 0.2, 0.5])
    grades = calibration_report(drawn(p), p, grades=[0.2, 0.3, 0.4, 0.4])["grades"]["grades"]
    found = [(grade["from"], grade["to"], grade["rows"]) for grade in grades]
    assert found == [(None, 0.2, 1), (0.2, 0.3, 2), (0.4, None, 1)]


def test_holm_of_a_case_worked_by_hand() -> None:
    assert holm(np.array([0.03, 0.001, 0.02, 0.9])) == pytest.approx([0.06, 0.004, 0.06, 0.9])
    assert holm(np.array([0.5, 0.6])).tolist() == [1.0, 1.0]


def weighted_sample() -> tuple[Outcomes, FloatArray, FloatArray, float]:
    """A population, of which all bad cases and a tenth of the good ones are kept; probabilities are right for it."""
    truth = np.random.default_rng(3).normal(-4, 1.2, size=200_000)
    outcomes = drawn(logistic(truth), 4)
    kept = (outcomes == 1) | (np.random.default_rng(5).random(len(truth)) < 0.1)
    rate = float(outcomes.mean())
    full = brier_score_loss(outcomes, logistic(truth))
    return outcomes[kept], logistic(truth[kept]), case_weights(outcomes[kept], rate), full


def test_population_weights_give_the_populations_figures_and_tests_on_the_samples_scale() -> None:
    outcomes, p, weights, brier = weighted_sample()
    report = calibration_report(outcomes, p, weights)
    assert report["brier"]["value"] == pytest.approx(brier, rel=0.05)
    assert report["bad_rate"] == pytest.approx(np.average(outcomes, weights=weights))
    assert report["ece"]["within_chance"]
    assert report["ece"]["population"] < report["ece"]["value"]
    assert report["recalibration"]["slope"]["low"] < 1 < report["recalibration"]["slope"]["high"]
    assert report["spiegelhalter"]["p"] > 0.01
    assert (report["grades"]["too_low"], report["grades"]["too_high"]) == (0, 0)
    assert report["tests_on"] == "the sample's bad rate, unweighted"


def test_population_probabilities_judged_without_weights_fail_every_test() -> None:
    outcomes, p, _, _ = weighted_sample()
    report = calibration_report(outcomes, p)
    assert report["ece"]["within_chance"] is False
    assert report["grades"]["too_low"] == 10


def test_weights_that_vary_within_an_outcome_are_refused() -> None:
    with pytest.raises(
        ValueError, match="weights differ within an outcome; expected those of `case_weights`"
    ):
        calibration_report(Y, P, weights=1 + P)


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="calibration cannot be judged on 0 rows; expected at least 1"):
        calibration_report(Y[:0], P[:0])


def test_a_row_that_was_scored_several_times_counts_once_with_its_first_score() -> None:
    again = np.concatenate([P, P**2])
    report = calibration_report(np.tile(Y, 2), again, rows=np.tile(np.arange(ROWS), 2))
    assert finite(report) == finite(calibration_report(Y, P))


def test_one_outcome_gives_reasons_instead_of_figures() -> None:
    report = calibration_report(np.zeros(50, dtype=np.int8), P[:50])
    assert report["brier"]["skill"] is None
    assert report["brier"]["reason"] == report["recalibration"]["reason"] == "only one outcome occurs"
    assert report["recalibration"]["slope"] is None
    assert report["spiegelhalter"]["z"] < 0
    weighted = calibration_report(np.zeros(50, dtype=np.int8), P[:50], weights=np.ones(50))
    sections = [weighted[name] for name in ("ece", "spiegelhalter", "hosmer_lemeshow", "grades")]
    assert [section["reason"] for section in sections] == ["only one outcome occurs"] * 4


def test_equal_probabilities_have_no_slope() -> None:
    found = calibration_report(drawn(np.full(200, 0.3)), np.full(200, 0.3))["recalibration"]
    assert found["slope"] is None
    assert found["reason"] == "all probabilities are equal: there is no slope"
    assert abs(found["in_the_large"]["value"]) < 0.5


def test_probabilities_that_part_the_outcomes_have_no_finite_slope() -> None:
    found = calibration_report((P > 0.3).astype(np.int8), P)["recalibration"]
    assert found["slope"] is None
    assert found["reason"] == "the probabilities part the outcomes: no finite slope fits best"


@settings(max_examples=100, deadline=None)
@given(
    cases=st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.0, 1e-300, 0.2, 0.5, 1.0]) | st.floats(0, 1)),
        min_size=1,
        max_size=30,
    ),
    rate=st.sampled_from([None, 0.001, 0.6]),
    grades=st.none() | st.lists(st.floats(0, 1), max_size=4),
)
def test_any_rows_give_a_report_of_finite_figures(
    cases: list[tuple[bool, float]], rate: float | None, grades: list[float] | None
) -> None:
    outcomes = np.array([bad for bad, _ in cases], dtype=np.int8)
    p = np.array([probability for _, probability in cases])
    mixed = rate is not None and 0 < outcomes.mean() < 1
    weights = case_weights(outcomes, rate) if mixed else None
    report = calibration_report(outcomes, p, weights, grades)
    assert "rows" in finite(report)
    assert sum(grade["rows"] for grade in report["grades"]["grades"]) == len(cases)
