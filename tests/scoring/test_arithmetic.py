from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.scoring.arithmetic import FloatArray, exp, log, log_odds, logistic, surprisals
from tests.scoring.agreement import bits
from tests.scoring.strategies import THOROUGH, USUAL

EXPONENTS = st.floats(-700, 700)
POSITIVE = st.floats(5e-324, exclude_min=False, allow_infinity=False)
ANY = st.floats(allow_nan=False, allow_infinity=False)


def units_off(value: float, exact: Decimal) -> float:
    """Return how many units in the last place a value is from the exact one."""
    return float(abs(Decimal(value) - exact) / Decimal(math.ulp(float(exact))))


def exact(function: Callable[[Decimal], Decimal], x: float) -> Decimal:
    with localcontext(prec=50):
        return function(Decimal(x))


@THOROUGH
@given(x=EXPONENTS)
@example(x=700.0)
@example(x=-700.0)
@example(x=-0.0)
def test_exp_is_within_two_units_in_the_last_place(x: float) -> None:
    assert units_off(exp(x), exact(Decimal.exp, x)) <= 2


@THOROUGH
@given(x=POSITIVE)
@example(x=5e-324)
@example(x=1.7976931348623157e308)
@example(x=math.sqrt(0.5))
@example(x=math.nextafter(1.0, 0.0))
@example(x=math.nextafter(1.0, 2.0))
def test_log_is_within_two_units_in_the_last_place(x: float) -> None:
    assert x == 1 or units_off(log(x), exact(Decimal.ln, x)) <= 2


@THOROUGH
@given(x=st.floats(0.3, 3.0))
def test_log_is_within_two_units_in_the_last_place_near_one(x: float) -> None:
    assert x == 1 or units_off(log(x), exact(Decimal.ln, x)) <= 2


def test_exp_of_zero_and_log_of_one_are_exact() -> None:
    assert (exp(0.0), log(1.0)) == (1.0, 0.0)


@pytest.mark.parametrize("x", [0.0, -0.0, -1.0, -1e300, math.nan, -math.inf])
def test_the_logarithm_of_what_is_not_positive_is_no_number(x: float) -> None:
    assert math.isnan(log(x))
    assert math.isnan(log(np.array([x]))[0])


@THOROUGH
@given(x=st.lists(EXPONENTS, min_size=1, max_size=20))
def test_exp_of_an_array_has_the_bits_of_exp_of_each_float(x: list[float]) -> None:
    assert exp(np.array(x)).tobytes() == b"".join(bits(exp(value)) for value in x)


@THOROUGH
@given(x=st.lists(st.one_of(POSITIVE, ANY), min_size=1, max_size=20))
def test_log_of_an_array_has_the_bits_of_log_of_each_float(x: list[float]) -> None:
    assert log(np.array(x)).tobytes() == b"".join(bits(log(value)) for value in x)


@pytest.mark.parametrize("function", [logistic, log_odds])
def test_an_array_has_the_bits_of_each_float(
    function: Callable[[FloatArray | float], FloatArray | float],
) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(scale=s, size=2000) for s in (1e-300, 1e-3, 1, 10, 1e3, 1e300)])
    x = np.concatenate([x, rng.random(2000), [0.0, 1.0, -0.0, 1e-12, 1 - 1e-12, 5e-324, 1.0 - 2**-53]])
    several = function(x)
    assert isinstance(several, np.ndarray)
    assert several.tobytes() == b"".join(bits(float(function(value))) for value in x.tolist())


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 9, 64, 1001])
def test_the_length_of_an_array_does_not_change_the_bits(rows: int) -> None:
    x = np.random.default_rng(rows).normal(scale=9, size=rows)
    assert logistic(x).tobytes() == b"".join(bits(logistic(value)) for value in x.tolist())


def test_a_column_of_a_matrix_has_the_bits_of_a_contiguous_array() -> None:
    matrix = np.random.default_rng(0).random((257, 3)) * 9 + 0.1
    assert log(matrix[:, 1]).tobytes() == log(matrix[:, 1].copy()).tobytes()
    assert exp(matrix[::2, 1]).tobytes() == exp(matrix[::2, 1].copy()).tobytes()


@USUAL
@given(a=ANY, b=ANY)
def test_logistic_never_falls(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert logistic(low) <= logistic(high)


def test_logistic_rises_wherever_floats_can_show_it() -> None:
    x = np.linspace(-700, 30, 100_000)
    assert (np.diff(logistic(x)) > 0).all()


@USUAL
@given(x=ANY)
def test_logistic_is_symmetric_about_a_half(x: float) -> None:
    assert logistic(x) + logistic(-x) == pytest.approx(1.0, abs=3e-16)


def test_logistic_at_its_extremes_stays_within_zero_and_one() -> None:
    assert logistic(0.0) == 0.5
    assert 0 < logistic(-1e308) == logistic(-700.0) < 1e-300
    assert logistic(1e308) == logistic(math.inf) == 1.0


@USUAL
@given(p=st.floats(1e-12, 1 - 1e-12))
def test_log_odds_undoes_logistic(p: float) -> None:
    assert logistic(log_odds(p)) == pytest.approx(p, rel=1e-12)


def test_log_odds_of_impossible_probabilities_are_those_of_nearly_impossible_ones() -> None:
    assert log_odds(0.0) == log_odds(1e-12) == log_odds(-5.0)
    assert log_odds(1.0) == log_odds(1 - 1e-12) == log_odds(7.0)


@THOROUGH
@given(x=st.floats(-690, 690))
@example(x=0.0)
def test_surprisals_are_the_losses_of_both_outcomes(x: float) -> None:
    of_bad, of_good = surprisals(x)
    true = [exact(lambda d, s=sign: (1 + (s * d).exp()).ln(), x) for sign in (-1, 1)]  # type: ignore[misc]
    assert [of_bad, of_good] == pytest.approx([float(value) for value in true], rel=1e-15, abs=1e-15)


@THOROUGH
@given(x=st.lists(ANY.filter(lambda x: abs(x) < 1e307), min_size=1, max_size=20))
def test_surprisals_of_an_array_have_the_bits_of_those_of_each_float(x: list[float]) -> None:
    for several, position in zip(surprisals(np.array(x)), (0, 1), strict=True):
        assert several.tobytes() == b"".join(bits(surprisals(value)[position]) for value in x)


def test_surprisals_of_multiples_of_the_grid_never_turn() -> None:
    for start in (-40.0, -7.0, -0.7, -1e-9, 0.1, 0.69, 2.0, 20.0, 36.0):
        x = (np.round(start * 2.0**40) + np.arange(50_000)) * 2.0**-40
        of_bad, of_good = surprisals(x)
        assert (np.diff(of_bad) <= 0).all(), start
        assert (np.diff(of_good) >= 0).all(), start
