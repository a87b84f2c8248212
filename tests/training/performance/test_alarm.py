from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scoring.arithmetic import log_odds, logistic
from training.performance.alarm import Alarm, Bounds, Entering, _bets, _gains, calibration_alarm, daily_looks
from training.performance.figures import Known
from training.performance.maturity import DAY

BOUNDS = Bounds(alpha=0.025, tolerated=0.1, centre=-1.5)


def entering(
    days: int, per_day: int, seed: int, shift: float = 0.0, slope: float = 1.0, from_day: int = 0
) -> Entering:
    """Cases of so many days; from a day on the true log-odds are slope times the model's, plus a shift."""
    rng = np.random.default_rng(seed)
    rows = days * per_day
    x, at = rng.normal(-1.5, 1.2, rows), np.repeat(np.arange(days), per_day) * DAY
    true = np.where(at >= from_day * DAY, -1.5 + slope * (x + 1.5) + shift, x)
    bad = (rng.random(rows) < logistic(true)).astype(np.float64)
    return Entering(Known(bad, logistic(x), np.zeros(rows, np.int8), np.ones(rows)), at, at + 30 * DAY)


def alarm(*given: int, **more: float) -> Alarm:
    return calibration_alarm(entering(*given, **more), BOUNDS)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.floats(-6, 4), st.floats(-0.1, 0.1))
def test_no_bet_gains_in_the_mean_while_the_truth_is_within_the_tolerated_shift(
    x: float, shift: float
) -> None:
    scores = np.array([x, x])
    p = float(logistic(x + shift))
    for bet in _bets(BOUNDS):
        if_good, if_bad = np.exp(_gains(bet, scores, np.array([0.0, 1.0]), BOUNDS.tolerated))
        assert (1 - p) * if_good + p * if_bad <= 1 + 1e-9, bet


def test_all_stakes_of_any_year_of_looks_add_up_to_one_at_most() -> None:
    assert 2 * 365 * sum(bet.stake for bet in _bets(BOUNDS)) == pytest.approx(1.0)


def test_probabilities_that_are_right_raise_no_alarm_in_a_year_of_daily_looks() -> None:
    # On any day of the year, also where it was lost again: at most one year in forty, so that two are already unlikely.
    raised = [alarm(365, 20, seed).raised_on for seed in range(20)]
    assert len([day for day in raised if day is not None]) <= 1, raised


def test_a_tolerated_shift_raises_no_alarm_however_many_outcomes_there_are() -> None:
    assert [alarm(150, 300, seed, shift=0.1).raised_on for seed in range(5)] == [None] * 5


@pytest.mark.parametrize(
    ("change", "direction"),
    [
        ({"shift": 0.5}, "too low"),
        ({"shift": -0.5}, "too high"),
        ({"slope": 0.5}, "too extreme"),
        ({"slope": 2.0}, "too timid"),
    ],
)
def test_a_change_is_found_and_named_with_the_day_it_began(change: dict[str, float], direction: str) -> None:
    found = alarm(200, 60, 3, from_day=100, **change)
    assert found.raised, found
    assert found.direction == direction, found
    since = np.datetime64(found.since, "D").astype(int)
    assert 85 <= since <= 115, f"the change of day 100 was dated {since}"
    assert np.datetime64(found.raised_on, "D").astype(int) >= 130, "raised before anything had matured"


def test_a_late_change_is_found_about_as_fast_as_an_early_one() -> None:
    def needed(from_day: int) -> float:
        found = [alarm(from_day + 120, 60, seed, shift=0.5, from_day=from_day) for seed in range(8)]
        days = [int(np.datetime64(item.raised_on, "D").astype(int)) - 30 - from_day for item in found]
        return float(np.median(days))

    assert needed(200) <= 1.5 * needed(5) + 5


def test_evidence_depends_on_the_outcomes_alone_and_not_on_their_order() -> None:
    cases = entering(60, 20, 4, shift=0.4)
    order = np.random.default_rng(0).permutation(len(cases.at))
    was = cases.known
    known = Known(was.bad[order], was.probabilities[order], was.decisions[order], was.weights[order])
    mixed = Entering(known, cases.at[order], cases.counted_at[order])
    assert calibration_alarm(mixed, BOUNDS).evidence == pytest.approx(
        calibration_alarm(cases, BOUNDS).evidence
    )


def test_outcomes_that_come_late_change_what_later_looks_see_only() -> None:
    cases = entering(60, 20, 4)
    late = cases.counted_at.copy()
    late[5::12] += 200 * DAY
    before = {look.day: look.evidence for look in daily_looks(replace(cases, counted_at=late), BOUNDS)}
    on_time = late == cases.counted_at
    without = Entering(cases.known.of(on_time), cases.at[on_time], cases.counted_at[on_time])
    for look in daily_looks(without, BOUNDS):
        assert look.evidence == pytest.approx(before[look.day]), look.day


def test_no_outcomes_are_no_evidence() -> None:
    none = np.empty(0)
    empty = Entering(
        Known(none, none, none.astype(np.int8), none), none.astype(np.int64), none.astype(np.int64)
    )
    found = calibration_alarm(empty, BOUNDS)
    assert (found.raised, found.evidence, found.rows, found.since) == (False, 0.0, 0, None)


def test_probabilities_of_zero_and_one_do_not_break_the_bets() -> None:
    cases = entering(20, 10, 1)
    p = cases.known.probabilities.copy()
    p[::7], p[3::7] = 0.0, 1.0
    found = calibration_alarm(replace(cases, known=replace(cases.known, probabilities=p)), BOUNDS)
    assert np.isfinite(found.evidence)


def test_bets_that_lose_what_they_won_end_the_alarm() -> None:
    wrong, right = entering(60, 40, 2, shift=0.8), entering(300, 200, 3)
    both = [np.concatenate(pair) for pair in zip(_columns(wrong), _columns(right, 60), strict=True)]
    known = Known(both[0], both[1], both[2].astype(np.int8), both[3])
    found = calibration_alarm(Entering(known, both[4].astype(np.int64), both[5].astype(np.int64)), BOUNDS)
    assert found.most >= 1 / BOUNDS.alpha
    assert found.raised_on is not None
    assert found.evidence < 1
    assert (found.raised, found.since, found.direction) == (False, None, None)


def _columns(cases: Entering, later: int = 0) -> list[npt.NDArray[Any]]:
    known = cases.known
    moments = [cases.at + later * DAY, cases.counted_at + later * DAY]
    return [known.bad, known.probabilities, known.decisions, known.weights, *moments]


def test_log_odds_of_bets_on_shifts_are_shifted_by_as_much() -> None:
    bet = next(item for item in _bets(BOUNDS) if item.direction == "too low")
    assert bet.intercept + bet.slope * float(log_odds(0.2)) - float(log_odds(0.2)) == pytest.approx(0.2)
