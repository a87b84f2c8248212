from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.monitoring.drift.significance import (
    discoveries,
    of_counts,
    of_means,
    of_shares,
    of_values,
    together,
)


def test_kolmogorov_and_smirnov_agree_with_scipy() -> None:
    from scipy.stats import ks_2samp

    random = np.random.default_rng(1)
    for shift in (0.0, 0.05, 0.2):
        a, b = random.normal(size=3_000).round(1), random.normal(shift, size=700).round(1)
        assert of_values(a, b) == pytest.approx(ks_2samp(a, b, method="asymp").pvalue, rel=0.1)


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40), st.lists(st.integers(0, 5), min_size=1, max_size=40)
)
def test_the_largest_difference_is_found_whatever_the_ties(first: list[int], second: list[int]) -> None:
    from scipy.special import kolmogorov

    a, b = np.array(first, float), np.array(second, float)
    largest = max(abs((a <= place).mean() - (b <= place).mean()) for place in range(6))
    expected = kolmogorov(largest * np.sqrt(len(a) * len(b) / (len(a) + len(b))))
    assert of_values(a, b) == pytest.approx(expected, rel=1e-9)


def test_pearson_agrees_with_scipy_where_no_bin_is_rare() -> None:
    from scipy.stats import chi2_contingency

    before, after = np.array([400, 300, 200]), np.array([90, 100, 70])
    expected = chi2_contingency([before, after], correction=False).pvalue
    assert of_counts(before, after) == pytest.approx(expected)


def test_rare_bins_are_counted_together() -> None:
    rare = np.array([500, 400, 2, 3, 1]), np.array([480, 390, 1, 0, 2])
    pooled = np.array([500, 402, 4]), np.array([480, 391, 2])
    assert of_counts(*rare) is not None
    assert of_counts(np.array([3, 2, 1]), np.array([1, 2, 3])) is None, "nothing is left to compare"
    assert len(pooled[0]) == 3


def test_one_case_in_a_bin_that_was_empty_is_no_proof() -> None:
    found = of_counts(np.array([100_000, 100_000, 0]), np.array([60, 59, 1]))
    assert found is not None
    assert found > 0.5


def test_false_alarms_of_counts_are_as_rare_as_said_far_out() -> None:
    random = np.random.default_rng(3)
    shares = np.array([0.5, 0.3, 0.15, 0.04, 0.009, 0.001])
    ps = [
        of_counts(random.multinomial(20_000, shares), random.multinomial(300, shares)) for _ in range(4_000)
    ]
    assert sum(p is not None and p < 1e-3 for p in ps) <= 12


@pytest.mark.parametrize("empty", [(0, 3), (3, 0)])
def test_an_empty_sample_has_no_p(empty: tuple[int, int]) -> None:
    assert of_values(np.ones(empty[0]), np.ones(empty[1])) is None


def test_a_share_that_has_fallen_is_no_rise() -> None:
    assert of_shares((50, 100), (10, 100)) == pytest.approx(1.0)
    rise = of_shares((10, 1_000), (30, 1_000))
    assert rise is not None
    assert rise < 0.002


def test_means_without_variance_have_no_p() -> None:
    assert of_means((0.5, 0.0), (0.5, 0.0)) is None
    assert of_means((0.0, 1.0), (0.0, 1.0)) == pytest.approx(1.0)


def test_several_answers_to_one_question_make_one() -> None:
    assert together([None, 0.01, 0.4]) == pytest.approx(0.02)
    assert together([0.9, 0.8]) == 1.0
    assert together([None]) is None


def test_discoveries_follow_benjamini_and_hochberg() -> None:
    assert discoveries([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.04, 0.04])
    assert discoveries([None]) == [None]
