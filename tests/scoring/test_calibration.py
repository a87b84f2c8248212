from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.scoring.arithmetic import logistic
from service.scoring.calibration import MOST_KNOTS, Beta, Calibrator, Isotonic
from service.scoring.errors import BundleInvalid
from tests.scoring.agreement import bits
from tests.scoring.strategies import THOROUGH, USUAL

PLATT = {"method": "platt", "slope": 1.25, "intercept": -0.5, "offset": 0.0}
BETA = {"method": "beta", "a": 1.5, "b": 0.5, "c": -0.25, "offset": 0.0}
ISOTONIC = {
    "method": "isotonic",
    "raw_scores": [-2.0, 0.0, 1.0],
    "log_odds": [-3.0, -1.0, 4.0],
    "offset": 0.0,
}
SCORES = st.floats(-4096, 4096)
STEPS = st.floats(1e-6, 10)


@st.composite
def curves(draw: st.DrawFn) -> Calibrator:
    """A calibrator of any method, with and without correction of the prior."""
    offset = draw(st.sampled_from([0.0, -5.4, 1.7]))
    slope, intercept = draw(st.floats(1e-3, 1e3)), draw(st.floats(-50, 50))
    a, b = draw(st.sampled_from([(0.0, 1.0), (1.0, 0.0), (1e-3, 1e-3), (slope, slope), (slope, 1.0)]))
    rises = draw(st.lists(st.tuples(STEPS, st.just(0.0) | STEPS), min_size=1, max_size=MOST_KNOTS - 1))
    x, y = np.cumsum([(draw(st.floats(-50, 50)), intercept), *rises, (1.0, 1.0)][:MOST_KNOTS], axis=0).T
    return draw(
        st.sampled_from(
            [
                Calibrator(offset=offset),
                Calibrator("temperature", slope, 0.0, offset),
                Calibrator("platt", slope, intercept, offset),
                Calibrator("beta", offset=offset, curve=Beta(a, b, intercept)),
                Calibrator("isotonic", offset=offset, curve=Isotonic(tuple(x.tolist()), tuple(y.tolist()))),
            ]
        )
    )


def neighbours(calibrator: Calibrator, score: float) -> list[float]:
    """A score, the floats around it, and those around the knots."""
    knots = calibrator.curve.raw_scores if isinstance(calibrator.curve, Isotonic) else ()
    near = [float(np.nextafter(at, to)) for at in (score, *knots) for to in (-math.inf, math.inf)]
    return sorted([score, *knots, *near])


def test_without_calibration_the_raw_score_is_the_log_odds() -> None:
    assert Calibrator().log_odds(0.7) == 0.7
    assert Calibrator().probability(0.7) == logistic(0.7)


def test_platt_stretches_and_moves_the_log_odds() -> None:
    assert Calibrator("platt", 2.0, -1.0).probability(0.5) == 0.5


@USUAL
@given(p=st.floats(1e-6, 1 - 1e-6), a=st.floats(0, 9), b=st.floats(0, 9), c=st.floats(-9, 9))
def test_beta_is_the_formula_of_its_paper(p: float, a: float, b: float, c: float) -> None:
    found = Calibrator("beta", curve=Beta(a, b, c)).log_odds(math.log(p / (1 - p)))
    assert found == pytest.approx(a * math.log(p) - b * math.log1p(-p) + c, abs=1e-8)


@USUAL
@given(score=SCORES)
def test_beta_of_a_and_b_one_leaves_the_score_as_it_is(score: float) -> None:
    assert Beta(1.0, 1.0, 0.0).log_odds(score) == pytest.approx(score, abs=1e-11)


def test_isotonic_goes_through_its_knots_and_straight_between_them() -> None:
    found = [Calibrator.from_json(ISOTONIC).log_odds(x) for x in (-2.0, -1.0, 0.0, 0.5, 1.0)]
    assert found == [-3.0, -2.0, -1.0, 1.5, 4.0]


def test_isotonic_is_level_beyond_its_first_and_last_knot() -> None:
    found = [Calibrator.from_json(ISOTONIC).log_odds(x) for x in (-math.inf, -2.1, 1.1, 1e308, math.inf)]
    assert found == [-3.0, -3.0, 4.0, 4.0, 4.0]


@USUAL
@given(calibrator=curves(), offset=st.floats(-9, 9), score=SCORES)
def test_an_offset_is_added_to_the_log_odds(calibrator: Calibrator, offset: float, score: float) -> None:
    moved = Calibrator.from_json(calibrator.to_json() | {"offset": calibrator.offset + offset})
    assert moved.log_odds(score) == pytest.approx(calibrator.log_odds(score) + offset, rel=1e-12, abs=1e-9)


@THOROUGH
@given(calibrator=curves(), scores=st.lists(SCORES, min_size=1, max_size=9))
def test_an_array_has_the_bits_of_each_score(calibrator: Calibrator, scores: list[float]) -> None:
    scores = [near for score in scores for near in neighbours(calibrator, score)]
    several = calibrator.log_odds(np.array(scores)), calibrator.probability(np.array(scores))
    assert several[0].tobytes() == b"".join(bits(calibrator.log_odds(score)) for score in scores)
    assert several[1].tobytes() == b"".join(bits(calibrator.probability(score)) for score in scores)


@THOROUGH
@given(calibrator=curves(), a=SCORES, b=SCORES | st.floats(-3, 3))
def test_calibration_keeps_the_ranking(calibrator: Calibrator, a: float, b: float) -> None:
    scores = sorted({*neighbours(calibrator, a), *neighbours(calibrator, b)})
    found = [calibrator.log_odds(score) for score in scores]
    assert all(low <= high for low, high in pairwise(found))


def test_isotonic_falls_nowhere_about_its_knots_and_has_the_same_bits_there() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2_000):
        x, y = np.sort(rng.normal(size=(2, 3)), axis=1)
        curve = Isotonic(tuple(x.tolist()), tuple(y.tolist()))
        scores = np.sort(np.concatenate([x, np.nextafter(x, -np.inf), np.nextafter(x, np.inf)]))
        found = curve.log_odds(scores)
        assert (np.diff(found) >= 0).all()
        assert found.tobytes() == b"".join(bits(curve.log_odds(score)) for score in scores.tolist())


@pytest.mark.parametrize("beta", [Beta(0.0, 1.0, 0.3), Beta(1e-3, 2e-3, -7.0), Beta(5.0, 0.0, 1.0)])
def test_beta_falls_nowhere_between_neighbouring_floats(beta: Beta) -> None:
    for start in (-36.0, -3.0, -0.7, -1e-9, 0.1, 0.69, 2.0, 20.0, 40.0):
        scores = np.array([start]) + np.arange(50_000) * math.ulp(start)
        assert (np.diff(beta.log_odds(scores)) >= 0).all(), start


@USUAL
@given(calibrator=curves(), raw=st.floats(-60, 60), other=st.floats(-60, 60), seed=st.integers(0, 9))
@example(calibrator=Calibrator.from_json(ISOTONIC), raw=0.5, other=0.5, seed=0)
@example(calibrator=Calibrator.from_json(BETA), raw=-1.5, other=-1.5, seed=0)
def test_explained_contributions_add_up_to_the_difference_in_calibrated_log_odds(
    calibrator: Calibrator, raw: float, other: float, seed: int
) -> None:
    shares = np.random.default_rng(seed).normal(size=6)
    contributions = shares + (raw - other - shares.sum()) / 6
    explained = calibrator.explained(contributions, raw, other)
    difference = calibrator.log_odds(raw) - calibrator.log_odds(other)
    assert explained.sum() == pytest.approx(difference, rel=1e-9, abs=1e-9)
    assert (explained * contributions >= 0).all(), "a contribution changed its sign"


def test_contributions_that_cancel_out_are_scaled_by_the_slope_of_the_curve() -> None:
    contributions = np.array([2.0, -2.0])
    isotonic, beta = Calibrator.from_json(ISOTONIC), Calibrator.from_json(BETA)
    assert isotonic.explained(contributions, 0.5, 0.5).tolist() == [10.0, -10.0]
    assert isotonic.explained(contributions, 3.0, 3.0).tolist() == [0.0, 0.0]
    assert beta.explained(contributions, 0.0, 0.0).tolist() == [2.0, -2.0]
    assert beta.explained(contributions, 50.0, 50.0) == pytest.approx([1.0, -1.0])


@USUAL
@given(calibrator=curves())
def test_a_calibrator_read_back_is_the_same(calibrator: Calibrator) -> None:
    assert Calibrator.from_json(calibrator.to_json()) == calibrator


@pytest.mark.parametrize("body", [PLATT, BETA, ISOTONIC])
def test_a_calibrator_is_written_as_it_was_read(body: dict[str, Any]) -> None:
    assert Calibrator.from_json(body).to_json() == body


def test_a_bundle_made_before_there_was_an_offset_is_read() -> None:
    old = {"method": "platt", "slope": 1.25, "intercept": -0.5}
    assert Calibrator.from_json(old) == Calibrator("platt", 1.25, -0.5)
    assert Calibrator.from_json({"method": "none", "slope": 1, "intercept": 0}) == Calibrator()


METHODS = "is not one of: none, temperature, platt, beta, isotonic"
TURNED = "would turn the ranking round; "


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (PLATT | {"method": "spline"}, f"calibrator: method 'spline' {METHODS}"),
        (PLATT | {"method": ["platt"]}, f"calibrator: method ['platt'] {METHODS}"),
        ({}, f"calibrator: method None {METHODS}"),
        (None, f"calibrator: method of NoneType {METHODS}"),
        (["method"], f"calibrator: method of list {METHODS}"),
        (PLATT | {"slope": 0}, f"calibrator: slope=0.0 {TURNED}it must be above 0"),
        (PLATT | {"slope": -1.5}, f"calibrator: slope=-1.5 {TURNED}it must be above 0"),
        (PLATT | {"slope": math.nan}, "calibrator slope: nan is not a finite number"),
        (PLATT | {"intercept": math.inf}, "calibrator intercept: inf is not a finite number"),
        (PLATT | {"intercept": "0"}, "calibrator intercept: '0' is not a finite number"),
        (PLATT | {"offset": math.nan}, "calibrator offset: nan is not a finite number"),
        (
            PLATT | {"code": ""},
            "calibrator: expected exactly ['intercept', 'method', 'offset', 'slope'], found",
        ),
        (
            PLATT | {"method": "beta"},
            "calibrator: expected exactly ['a', 'b', 'c', 'method', 'offset'], found",
        ),
        (
            {"method": "isotonic"},
            "calibrator: expected exactly ['log_odds', 'method', 'offset', 'raw_scores'],",
        ),
        (PLATT | {"method": "none"}, "calibrator: slope=1.25, intercept=-0.5 is not of method 'none'"),
        (PLATT | {"method": "temperature"}, "calibrator: slope=1.25, intercept=-0.5 is not of method 'temp"),
        (BETA | {"a": -0.1}, f"calibrator: a=-0.1, b=0.5 {TURNED}both must be at least 0, one above 0"),
        (BETA | {"b": -0.1}, f"calibrator: a=1.5, b=-0.1 {TURNED}both must be at least 0, one above 0"),
        (BETA | {"a": 0, "b": 0}, f"calibrator: a=0.0, b=0.0 {TURNED}both must be at least 0, one above 0"),
        (BETA | {"c": True}, "calibrator c: True is not a finite number"),
        (ISOTONIC | {"log_odds": [1.0, 0.0, 2.0]}, "calibrator: log_odds must not fall from knot to knot"),
        (ISOTONIC | {"log_odds": [1.0, 1.0, 1.0]}, "calibrator: log_odds must not fall from knot to knot"),
        (ISOTONIC | {"raw_scores": [0.0, 0.0, 1.0]}, "calibrator: raw_scores must rise from knot to knot"),
        (
            ISOTONIC | {"raw_scores": [0.0, 1.0]},
            "calibrator: 2 raw_scores and 3 log_odds; they must be as many",
        ),
        (ISOTONIC | {"raw_scores": [0, 1, math.nan]}, "calibrator raw_scores: nan is not a finite number"),
        (ISOTONIC | {"log_odds": [0, 1, -1e7]}, "calibrator log_odds: a knot lies beyond 1e+06: -10000000.0"),
        (ISOTONIC | {"log_odds": [0.0]}, "calibrator log_odds: expected a list of 2 to 100 knots, found 1"),
        (ISOTONIC | {"log_odds": "012"}, "calibrator log_odds: expected a list of 2 to 100 knots, found str"),
        (
            ISOTONIC | {"raw_scores": [0] * 101},
            "calibrator raw_scores: expected a list of 2 to 100 knots, found 101",
        ),
    ],
)
def test_refuses_a_malformed_calibrator(body: Any, message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        Calibrator.from_json(body)
    assert str(refusal.value).startswith(message)
