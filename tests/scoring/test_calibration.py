from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.arithmetic import logistic
from service.scoring.calibration import Calibrator
from service.scoring.errors import BundleInvalid
from tests.scoring.agreement import bits
from tests.scoring.strategies import USUAL

PLATT = {"method": "platt", "slope": 1.25, "intercept": -0.5}
SCORES = st.floats(-4096, 4096)


def test_without_calibration_the_raw_score_is_the_log_odds() -> None:
    assert Calibrator().log_odds(0.7) == 0.7
    assert Calibrator().probability(0.7) == logistic(0.7)


def test_platt_stretches_and_moves_the_log_odds() -> None:
    assert Calibrator("platt", 2.0, -1.0).probability(0.5) == 0.5


@USUAL
@given(slope=st.floats(1e-3, 1e3), intercept=st.floats(-50, 50), scores=st.lists(SCORES, min_size=1))
def test_an_array_has_the_bits_of_each_score(slope: float, intercept: float, scores: list[float]) -> None:
    calibrator = Calibrator("platt", slope, intercept)
    alone = b"".join(bits(calibrator.probability(score)) for score in scores)
    assert calibrator.probability(np.array(scores)).tobytes() == alone


@USUAL
@given(slope=st.floats(1e-3, 1e3), intercept=st.floats(-50, 50), a=SCORES, b=SCORES)
def test_calibration_keeps_the_ranking(slope: float, intercept: float, a: float, b: float) -> None:
    calibrator, (low, high) = Calibrator("platt", slope, intercept), sorted((a, b))
    assert calibrator.probability(low) <= calibrator.probability(high)


def test_a_calibrator_read_back_is_the_same() -> None:
    calibrator = Calibrator("platt", 1.25, -0.5)
    assert Calibrator.from_json(calibrator.to_json()) == calibrator
    assert calibrator.to_json() == PLATT


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (PLATT | {"method": "isotonic"}, "calibrator: method 'isotonic' is not one of: none, platt"),
        (PLATT | {"method": ["platt"]}, "calibrator: method ['platt'] is not one of: none, platt"),
        (PLATT | {"slope": 0}, "calibrator: slope=0.0 would turn the ranking round; it must be above 0"),
        (PLATT | {"slope": -1.5}, "calibrator: slope=-1.5 would turn the ranking round; it must be above 0"),
        (PLATT | {"slope": math.nan}, "calibrator slope: nan is not a finite number"),
        (PLATT | {"intercept": math.inf}, "calibrator intercept: inf is not a finite number"),
        (PLATT | {"intercept": "0"}, "calibrator intercept: '0' is not a finite number"),
        (
            PLATT | {"code": ""},
            "calibrator: expected exactly ['intercept', 'method', 'slope'], found ['code',",
        ),
        ({}, "calibrator: expected exactly ['intercept', 'method', 'slope'], found []"),
        (None, "calibrator: expected exactly ['intercept', 'method', 'slope'], found NoneType"),
        (
            ["method", "slope", "intercept"],
            "calibrator: expected exactly ['intercept', 'method', 'slope'], found list",
        ),
    ],
)
def test_refuses_a_malformed_calibrator(body: Any, message: str) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        Calibrator.from_json(body)
    assert str(refusal.value).startswith(message)
