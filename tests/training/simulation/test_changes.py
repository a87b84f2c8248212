from __future__ import annotations

import pytest

from service.errors import WrongUse
from tests.training.simulation.worlds import CONTRACT
from training.simulation.changes import Change, Declared, in_force, read_change


def test_a_covariate_moves_a_column_by_standard_deviations() -> None:
    found = read_change(Change.COVARIATE, "income=-0.5sd@8", CONTRACT)
    assert (found.column, found.amount, found.first, found.full) == ("income", -0.5, 8.0, 8.0)


def test_a_level_may_hold_any_sign() -> None:
    found = read_change(Change.COVARIATE, "purpose=home/garden+0.7@3", CONTRACT)
    assert (found.level, found.amount) == ("home/garden", 0.7)


def test_the_spread_of_calibration_is_a_factor() -> None:
    found = read_change(Change.CALIBRATION, "*0.8@2", CONTRACT)
    assert (found.factor, found.amount) == (0.8, 0.0)


@pytest.mark.parametrize(
    ("week", "strength"), [(7.9, 0.0), (8.0, 0.0), (10.0, 0.5), (12.0, 1.0), (40.0, 1.0)]
)
def test_a_change_grows_evenly_between_its_weeks(week: float, strength: float) -> None:
    assert read_change(Change.PRIOR, "+0.5@8-12", CONTRACT).strength(week) == strength


@pytest.mark.parametrize(("week", "strength"), [(7.99, 0.0), (8.0, 1.0)])
def test_a_change_without_an_end_is_there_at_once(week: float, strength: float) -> None:
    assert read_change(Change.PRIOR, "+0.5@8", CONTRACT).strength(week) == strength


@pytest.mark.parametrize(
    ("change", "text", "message"),
    [
        (Change.PRIOR, "0.5@8", r"--prior '0.5@8' is not of the form \+0.5@8"),
        (Change.PRIOR, "+0.5", "is not of the form"),
        (Change.PRIOR, "income=+0.5@8", "is not of the form"),
        (Change.PRIOR, "car+0.5@8", "is not of the form"),
        (Change.PRIOR, "*0.5@8", "is not of the form"),
        (Change.COVARIATE, "income=+0.5@8", r"COLUMN=\+0.5sd@8"),
        (Change.COVARIATE, "+0.5sd@8", "is not of the form"),
        (Change.CONCEPT, "income=+0.5sd@8", "is not of the form"),
        (Change.CALIBRATION, "*0@8", "is not of the form"),
        (Change.CALIBRATION, "+0.5@8-6", "week 6 is before week 8"),
        (Change.COVARIATE, "age=+0.5sd@8", "'age' is not one of: income, debt, purpose"),
        (Change.CONCEPT, "purpose=plane+0.5@8", "'plane' is no level of purpose.*car, home/garden, boat"),
        (Change.CONCEPT, "income=car+0.5@8", "income is a number"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_form(change: Change, text: str, message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        read_change(change, text, CONTRACT)


def test_a_change_is_in_force_from_its_week_on() -> None:
    changes = (Declared(Change.PRIOR, "+0.5@8", 8, 8, 0.5), Declared(Change.CALIBRATION, "+1@9", 9, 9, 1))
    assert in_force(changes, 8.5) == ["prior +0.5@8"]
