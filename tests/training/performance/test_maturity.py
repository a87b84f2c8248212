from __future__ import annotations

import numpy as np
import pytest

from training.performance.maturity import DAY, NEVER, WEEK, cohorts, matured, population, settled_at
from training.use_case import Monitoring

APPROVE, REFER, DECLINE = 0, 1, 2
DECLARED = Monitoring(maturity_days=30, accepted_declines=0.1)
# 2026-11-02, a Monday.
MONDAY = 1_793_577_600_000_000


def rows(*kinds: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Decisions and whether they are told, from (decision, how many, how many of them told)."""
    decisions = np.concatenate([np.full(count, code, np.int8) for code, count, _ in kinds])
    known = np.concatenate([np.arange(count) < told for _, count, told in kinds])
    return decisions, known


def test_a_decision_matures_at_its_age_and_not_before() -> None:
    at = np.array([0, 1, 2], np.int64)
    assert matured(at, Monitoring(maturity_days=30), 30 * DAY + 1).tolist() == [True, True, False]


def test_declines_and_referrals_that_somebody_picked_are_left_out_and_said_so() -> None:
    decisions, known = rows((APPROVE, 100, 100), (REFER, 50, 20), (DECLINE, 50, 5))
    found = population(decisions, np.ones(200, np.bool_), known, Monitoring(maturity_days=30))
    assert found.weights_of(np.array([0, 1, 2], np.int8)).tolist() == [1.0, 0.0, 0.0]
    assert (
        found.text
        == "approved cases with an outcome, 30 days or more old; referred and declined cases are left out"
    )


def test_all_decisions_count_where_nearly_all_are_told() -> None:
    decisions, known = rows((APPROVE, 100, 99), (REFER, 50, 48), (DECLINE, 50, 46))
    found = population(decisions, np.ones(200, np.bool_), known, Monitoring(maturity_days=7))
    assert [share.weight for share in found.shares] == [1.0, 1.0, 1.0]
    assert found.text == "approved, referred and declined cases with an outcome, 7 days or more old"


def test_declines_accepted_at_random_stand_for_all_declines() -> None:
    decisions, known = rows((APPROVE, 100, 100), (DECLINE, 300, 31))
    found = population(decisions, np.ones(400, np.bool_), known, DECLARED)
    assert found.weights_of(decisions)[known].sum() == pytest.approx(100 + 310)
    assert "declines accepted at random, each standing for 10" in found.text
    assert not found.cautions


def test_more_told_declines_than_were_accepted_at_random_are_cautioned_about() -> None:
    decisions, known = rows((APPROVE, 100, 100), (DECLINE, 300, 90))
    (caution,) = population(decisions, np.ones(400, np.bool_), known, DECLARED).cautions
    assert caution.startswith("90 of 300 matured declines have an outcome, where a share of 0.1"), caution


def test_approved_cases_without_an_outcome_are_cautioned_about() -> None:
    decisions, known = rows((APPROVE, 100, 60))
    (caution,) = population(decisions, np.ones(100, np.bool_), known, Monitoring()).cautions
    assert caution.startswith("40 of 100 matured approved cases have no outcome"), caution


def settled(days: list[int], told: list[int | None], decisions: list[int] | None = None) -> list[int]:
    """When decisions of these days after a Monday are of a settled week, in days; -1 for not yet."""
    at = MONDAY + np.array(days, np.int64) * DAY
    told_at = np.array([NEVER if day is None else MONDAY + day * DAY for day in told], np.int64)
    codes = np.array(decisions or [APPROVE] * len(days), np.int8)
    found = settled_at(at, codes, told_at)
    return [-1 if moment == NEVER else int(moment - MONDAY) // DAY if moment else 0 for moment in found]


def test_a_week_counts_from_the_day_on_which_nine_of_ten_of_its_approved_cases_are_told() -> None:
    assert settled([0] * 10, [30, *[31] * 8, None]) == [31] * 10
    assert settled([0] * 10, [30, *[31] * 7, None, None]) == [-1] * 10


def test_a_week_counts_up_to_the_day_until_which_nearly_all_are_told() -> None:
    assert settled([0, 0, 3, 3], [30, 30, 33, None]) == [30, 30, -1, -1]
    # The next week waits for itself alone.
    assert settled([0, 0, 7, 7], [30, None, 37, 37]) == [-1, -1, 37, 37]


def test_an_early_day_counts_with_the_later_ones_that_make_nearly_all_told() -> None:
    assert settled([0, 0, *[1] * 18], [30, None, *[31] * 18]) == [31] * 20


def test_cases_that_were_not_approved_are_not_waited_for_and_wait_themselves() -> None:
    assert settled([0, 0, 0], [30, None, None], [APPROVE, DECLINE, REFER]) == [30] * 3
    assert settled([0, 0], [None, 30], [APPROVE, DECLINE]) == [-1, -1]


def test_unsettled_weeks_are_cautioned_about() -> None:
    decisions, known = rows((APPROVE, 100, 60))
    everything = np.ones(100, np.bool_)
    found = population(decisions, everything, known, Monitoring(), settled=np.arange(100) < 40)
    assert found.cautions[0].startswith("60 of 100 matured approved cases do not count yet")
    assert not population(decisions, everything, known, Monitoring(), settled=everything).cautions


def test_cohorts_are_weeks_that_begin_on_mondays() -> None:
    at = np.array([MONDAY, MONDAY + WEEK - 1, MONDAY + WEEK], np.int64)
    found = cohorts(at, np.array([1.0, np.nan, 0.0]), np.array([True, True, False]))
    assert found == [
        {"week": "2026-11-02", "decisions": 2, "told": 1, "bad": 1, "mature": True},
        {"week": "2026-11-09", "decisions": 1, "told": 1, "bad": 0, "mature": False},
    ]


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0.0}, {"accepted_declines": 1.5}, {"maturity_days": -1}, {"least_records": 0}]
)
def test_a_declaration_that_makes_no_sense_is_refused_with_what_is_allowed(wrong: dict[str, float]) -> None:
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name}={value}: days go from 0 to 3650"):
        Monitoring(**wrong)  # type: ignore[arg-type]


def test_the_parts_of_alpha_add_up_to_it() -> None:
    monitoring = Monitoring(alpha=0.04)
    parts = monitoring.alpha_calibration + monitoring.alpha_drift + monitoring.alpha_ranking
    assert parts == pytest.approx(0.04)
