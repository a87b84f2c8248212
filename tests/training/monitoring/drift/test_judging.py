from __future__ import annotations

import pytest

from training.monitoring.drift import Bounds, Status
from training.monitoring.drift.judging import level_of_a_test, worst

BOUNDS = Bounds(0.1, 0.25)


@pytest.mark.parametrize(
    ("effect", "p", "expected"),
    [
        (0.3, 1e-9, Status.ALARM),
        (0.25, 1e-9, Status.ALARM),
        (0.2, 1e-9, Status.WARN),
        (0.1, 1e-5, Status.WARN),
        (0.099, 1e-9, Status.OK),
        (0.9, 2e-5, Status.OK),
        (None, 1e-9, Status.FEW),
        (0.9, None, Status.FEW),
    ],
)
def test_an_alarm_needs_a_large_effect_that_is_no_chance(
    effect: float | None, p: float | None, expected: Status
) -> None:
    assert BOUNDS.judge(effect, p, level=1e-5) is expected


def test_a_year_of_daily_tests_shares_one_alpha() -> None:
    assert level_of_a_test(0.02, 15) * 15 * 365 == pytest.approx(0.02)


def test_the_gravest_status_is_that_of_the_whole() -> None:
    assert worst([Status.OK, Status.ALARM, Status.WARN]) is Status.ALARM
    assert worst([Status.OK, Status.FEW]) is Status.OK
    assert worst([]) is Status.OK
