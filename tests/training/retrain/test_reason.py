from __future__ import annotations

from typing import Any

import pytest

from tests.training.retrain.stories import DAY, NOW
from training.retrain import Method, NothingYet, PersonNeeded
from training.retrain.reason import Age, advised_reason

FRESH = Age(NOW - 2 * DAY, NOW, 7, "UTC")
OLD = Age(NOW - 7 * DAY, NOW, 7, "UTC")


def advice(action: str, **figures: Any) -> dict[str, Any]:
    return {"action": action, "because": ["figures say so"], "figures": figures}


def test_advice_to_recalibrate_is_followed_at_any_age() -> None:
    found = advised_reason(advice("recalibrate", alarm={"since": "2026-10-01"}), FRESH)
    assert (found.because, found.method, found.text) == ("degradation", Method.RECALIBRATE, "figures say so")
    assert found.changed == 1_790_812_800_000_000


def test_a_population_that_the_model_never_saw_is_drift() -> None:
    found = advised_reason(advice("retrain", other_population=["income"]), FRESH)
    assert (found.because, found.method, found.changed) == ("drift", Method.RETRAIN, 0)


def test_a_person_is_called_before_anything_is_made() -> None:
    with pytest.raises(
        PersonNeeded, match="a person should look before anything is retrained: figures say so"
    ):
        advised_reason(advice("person"), OLD)
    assert PersonNeeded.exit_code == 6


def test_without_a_reason_the_calendar_decides() -> None:
    assert advised_reason(advice("wait"), OLD).because == "schedule"
    with pytest.raises(NothingYet, match="2 days ago and is due after 7"):
        advised_reason(advice("wait"), FRESH)
    with pytest.raises(NothingYet, match="too few decisions to look at"):
        advised_reason(None, FRESH)


def test_a_weekly_job_that_comes_some_minutes_early_is_not_a_week_late() -> None:
    early = NOW - 5 * 60_000_000
    assert Age(NOW - 7 * DAY, early, 7, "UTC").due
    # 02:00 in winter is 03:00 in summer: a week over the change of clocks has 169 hours.
    october = 1_792_893_600_000_000
    assert Age(october - 7 * DAY, october, 7, "Europe/Madrid").days == 7
