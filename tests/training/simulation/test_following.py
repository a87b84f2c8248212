from __future__ import annotations

import numpy as np
import pytest

from service.errors import WrongUse
from training.simulation.door import REFUSED, Answer, Happened
from training.simulation.following import DAY, Delay, Following, ToCome


def followed(following: Following, decision: str, bad: int, rows: int = 400) -> list[Happened]:
    answers = [Answer(f"d{number}", decision, 0.5, "m") for number in range(rows)]
    at = np.zeros(rows, np.int64)
    return following.follow(answers, at, np.full(rows, bad, np.int8), np.random.default_rng(3))


@pytest.mark.parametrize("decision", ["approve", "refer"])
def test_what_was_not_declined_has_an_outcome(decision: str) -> None:
    assert len(followed(Following(Delay(30)), decision, 0)) == 400


def test_what_was_declined_has_none() -> None:
    assert followed(Following(Delay(30)), "decline", 1) == []


def test_a_share_of_the_declined_is_accepted_at_random() -> None:
    found = len(followed(Following(Delay(30), accepted_declines=0.1), "decline", 1, rows=10_000))
    assert 850 < found < 1_150


def test_declines_are_all_told_where_that_is_declared() -> None:
    assert len(followed(Following(Delay(30), accepted_declines=1.0), "decline", 1)) == 400


def test_a_refused_record_has_no_outcome() -> None:
    found = Following(Delay(0)).follow(
        [REFUSED], np.zeros(1, np.int64), np.ones(1, np.int8), np.random.default_rng(1)
    )
    assert found == []


def test_good_is_seen_at_the_end_and_bad_up_to_the_spread_before() -> None:
    good = followed(Following(Delay(30, 20)), "approve", 0)
    bad = followed(Following(Delay(30, 20)), "approve", 1)
    assert {item.observed_at for item in good} == {30 * DAY}
    assert 10 * DAY <= min(item.observed_at for item in bad) < 11 * DAY
    assert 29 * DAY < max(item.observed_at for item in bad) <= 30 * DAY


def test_nothing_is_seen_once_outcomes_stop() -> None:
    assert followed(Following(Delay(30), until=30 * DAY), "approve", 0) == []


def test_a_spread_beyond_the_delay_is_refused() -> None:
    with pytest.raises(WrongUse, match="the spread must be from 0 to 30 days"):
        Delay(30, 31)


def test_outcomes_are_told_once_and_in_the_order_in_which_they_are_seen() -> None:
    to_come = ToCome()
    to_come.add([Happened("b", False, 20), Happened("a", True, 10)])
    to_come.add([Happened("c", True, 15)])
    first = to_come.seen_before(20)
    assert [item.decision_id for item in first] == ["a", "c"]
    to_come.told(first)
    assert [item.decision_id for item in to_come.seen_before(21)] == ["b"]


def test_outcomes_stay_until_they_are_told() -> None:
    to_come = ToCome([Happened("a", True, 10)])
    assert to_come.seen_before(20) == to_come.seen_before(20) == [Happened("a", True, 10)]
