from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scoring.arithmetic import FloatArray
from training.monitoring.drift import Status, prior_shift

LEVEL = 1e-5
# Scores of good and bad cases are normal on log-odds with these distances, and calibrated.
APART = 1.5


def drawn(rows: int, rate: float, seed: int, calibrated_at: float = 0.2) -> FloatArray:
    """Calibrated P(bad) (rows,) of cases of which a share `rate` is bad, by a model of where `calibrated_at` is."""
    random = np.random.default_rng(seed)
    bad = random.random(rows) < rate
    feature = random.normal(np.where(bad, APART, 0.0))
    log_odds = np.log(calibrated_at / (1 - calibrated_at)) + APART * feature - APART**2 / 2
    scores: FloatArray = 1 / (1 + np.exp(-log_odds))
    return scores


def test_the_bad_rate_is_found_from_the_scores_alone() -> None:
    found = prior_shift(drawn(20_000, 0.35, 1), 0.2, 0.0, LEVEL)
    assert found.rate == pytest.approx(0.35, abs=0.02)
    assert found.status is Status.ALARM
    assert "estimate" in found.to_json()["is"]


def test_nothing_is_found_where_nothing_has_changed() -> None:
    found = prior_shift(drawn(5_000, 0.2, 5), 0.2, 0.0, LEVEL)
    assert found.status is Status.OK
    assert found.interval is not None
    assert found.interval[0] < 0.2 < found.interval[1]


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(200):
        reference = drawn(1_500, 0.2, seed)
        found = prior_shift(drawn(500, 0.3, 1_000 + seed), reference.mean(), reference.var() / 1_500, LEVEL)
        assert found.interval is not None
        held += found.interval[0] <= 0.3 <= found.interval[1]
    assert 180 <= held <= 199, f"{held} of 200 held the truth"


def test_a_small_reference_widens_the_interval() -> None:
    scores = drawn(1_000, 0.2, 3)
    wide, narrow = (prior_shift(scores, 0.2, variance, LEVEL).interval for variance in (1e-3, 0.0))
    assert wide is not None
    assert narrow is not None
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_scores_that_are_all_the_same_say_nothing() -> None:
    assert prior_shift(np.full(500, 0.2), 0.2, 0.0, LEVEL).status is Status.FEW
    assert prior_shift(np.empty(0), 0.2, 0.0, LEVEL).status is Status.FEW


@given(st.floats(0.02, 0.98), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_estimate_is_where_expectation_maximisation_comes_to_rest(rate: float, seed: int) -> None:
    scores = drawn(2_000, rate, seed)
    found = prior_shift(scores, 0.2, 0.0, LEVEL).rate
    assert found is not None
    bad, good = scores / 0.2 * found, (1 - scores) / 0.8 * (1 - found)
    assert (bad / (bad + good)).mean() == pytest.approx(found, abs=1e-6)


def test_a_few_low_scores_by_chance_are_no_certain_change() -> None:
    reference = drawn(20_000, 0.05, 1, calibrated_at=0.05)
    looks = [drawn(140, 0.05, 10 + seed, calibrated_at=0.05) for seed in range(4_000)]
    rate, of_mean, usual = float(reference.mean()), float(reference.var()) / 20_000, float(reference.var())
    found = [prior_shift(scores, rate, of_mean, LEVEL, usual) for scores in looks]
    low = [item.p for item in found if item.p is not None and item.rate is not None and item.rate < rate]
    assert sum(p < 1e-3 for p in low) <= 4, "ten times as many would be false"
