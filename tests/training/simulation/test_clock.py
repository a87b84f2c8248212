from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from training.simulation.clock import date_of, midnight, midnight_after, on_clock

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000_000
FORWARD, BACK = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(("day", "hours"), [(FORWARD, 23), (BACK, 25), (date(2026, 6, 1), 24)])
def test_a_day_ends_where_the_next_one_begins(day: date, hours: int) -> None:
    start = midnight(day, BERLIN)
    assert midnight_after(start, 1, BERLIN) - start == hours * HOUR


def test_days_are_counted_across_changes_of_the_clock() -> None:
    start = midnight(date(2026, 3, 27), BERLIN)
    assert date_of(midnight_after(start, 300, BERLIN), BERLIN) == date(2027, 1, 21)


@pytest.mark.parametrize("day", [FORWARD, BACK, date(2026, 6, 1)])
def test_clocks_show_the_time_that_was_asked_for(day: date) -> None:
    hours = np.array([0, 1, 4, 12, 23])
    moments = on_clock(midnight(day, BERLIN), hours * HOUR, BERLIN)
    shown = [datetime.fromtimestamp(item / 1e6, BERLIN) for item in moments.tolist()]
    assert [(item.date(), item.hour) for item in shown] == [(day, hour) for hour in hours.tolist()]


def test_a_time_that_clocks_leave_out_is_an_hour_later() -> None:
    (moment,) = on_clock(midnight(FORWARD, BERLIN), np.array([2 * HOUR]), BERLIN).tolist()
    assert datetime.fromtimestamp(moment / 1e6, BERLIN).hour == 3


def test_of_a_time_that_clocks_show_twice_it_is_the_first() -> None:
    (moment,) = on_clock(midnight(BACK, BERLIN), np.array([2 * HOUR]), BERLIN).tolist()
    assert datetime.fromtimestamp(moment / 1e6, UTC).hour == 0
