from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decision_log.statements import moment_of
from service.errors import WrongUse
from training.monitoring.windows import Wanted, Window, Windows, windows_of

NOW = moment_of("2026-11-21T15:30:00+00:00")
HOUR = 3_600_000_000
DAY = 24 * HOUR


def test_by_default_the_last_seven_days_stand_against_the_ninety_before() -> None:
    found = windows_of(Wanted(), NOW, "UTC")
    assert found.analysis == Window(NOW - 7 * DAY, NOW)
    assert found.reference == Window(NOW - 97 * DAY, NOW - 7 * DAY)


def test_days_are_midnights_of_the_time_zone() -> None:
    found = windows_of(Wanted("2026-11-10", "2026-11-17"), NOW, "Europe/Madrid")
    assert found.analysis.to_json() == {"from": "2026-11-09T23:00:00Z", "until": "2026-11-16T23:00:00Z"}


def test_a_time_with_its_zone_is_that_time() -> None:
    found = windows_of(Wanted("2026-11-10T08:00:00+02:00"), NOW, "America/Santiago")
    assert found.analysis == Window(moment_of("2026-11-10T06:00:00+00:00"), NOW)


@pytest.mark.parametrize(
    ("wanted", "since", "until"),
    [
        (Wanted(days=3), NOW - 3 * DAY, NOW),
        (
            Wanted(since="2026-11-01", days=3),
            moment_of("2026-11-01T00:00:00Z"),
            moment_of("2026-11-04T00:00:00Z"),
        ),
        (
            Wanted(until="2026-11-04", days=3),
            moment_of("2026-11-01T00:00:00Z"),
            moment_of("2026-11-04T00:00:00Z"),
        ),
        (Wanted(until="2026-11-08"), moment_of("2026-11-01T00:00:00Z"), moment_of("2026-11-08T00:00:00Z")),
    ],
)
def test_what_is_left_open_follows_from_the_rest(wanted: Wanted, since: int, until: int) -> None:
    assert windows_of(wanted, NOW, "UTC").analysis == Window(since, until)


def test_what_lies_ahead_is_cut_off() -> None:
    found = windows_of(Wanted("2026-11-20", "2026-12-24"), NOW, "UTC").analysis
    assert found == Window(moment_of("2026-11-20T00:00:00Z"), NOW)


def test_the_reference_is_as_long_as_is_wanted() -> None:
    found = windows_of(Wanted(reference_days=30), NOW, "UTC")
    assert found.reference == Window(NOW - 37 * DAY, NOW - 7 * DAY)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-01", 24)])
def test_a_day_on_which_the_clocks_change_is_an_hour_shorter_or_longer(day: str, hours: int) -> None:
    found = windows_of(Wanted(since=day, days=1), NOW, "Europe/Madrid").analysis
    assert found.until - found.since == hours * HOUR


def test_seven_days_ago_the_clock_showed_the_same() -> None:
    now = moment_of("2026-10-28T09:00:00+00:00")
    found = windows_of(Wanted(), now, "Europe/Madrid").analysis
    assert found.since == moment_of("2026-10-21T08:00:00+00:00")


def test_an_hour_that_the_clock_skips_is_a_moment_all_the_same() -> None:
    found = windows_of(Wanted(since="2026-03-29T02:30"), NOW, "Europe/Madrid").analysis
    assert found.to_json()["from"] == "2026-03-29T01:30:00Z"


@pytest.mark.parametrize("order", [("2026-11-20", "2026-11-13"), ("2026-11-20", "2026-11-20")])
def test_a_reversed_window_is_refused(order: tuple[str, str]) -> None:
    # The old system asked for what lay BETWEEN today AND a week ago, and found nothing, week after week.
    with pytest.raises(WrongUse, match="--from 2026-11-20T00:00:00Z is not before --until 2026-11-"):
        windows_of(Wanted(*order), NOW, "UTC")


def test_a_window_that_lies_ahead_is_refused() -> None:
    with pytest.raises(WrongUse, match="would begin at 2026-11-22T00:00:00Z, and it is 2026-11-21T15:30:00Z"):
        windows_of(Wanted("2026-11-22", "2026-11-23"), NOW, "UTC")


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-13-01",
        "20261101",
        "2026-11-01T25:00",
        "1960-01-01",
        "0001-01-01",
        "",
        "\uff12026-11-01",
    ],
)
def test_what_is_no_time_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(WrongUse) as refused:
        windows_of(Wanted(since=text), NOW, "UTC")
    assert f"--from {text!r} is not a day such as 2026-11-14" in str(refused.value)


def test_three_options_that_may_contradict_one_another_are_refused() -> None:
    with pytest.raises(WrongUse, match="two of them say it all"):
        windows_of(Wanted("2026-11-01", "2026-11-08", 3), NOW, "UTC")


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(WrongUse, match="AVAL_TIME_ZONE='Europe/Sevilla' is no time zone"):
        windows_of(Wanted(), NOW, "Europe/Sevilla")


@pytest.mark.parametrize("until", [5, 4])
def test_a_window_without_time_is_refused(until: int) -> None:
    with pytest.raises(WrongUse, match="holds no time"):
        Window(5, until)


def test_a_reference_that_overlaps_the_analysis_is_refused() -> None:
    with pytest.raises(WrongUse, match="what is compared must not overlap"):
        Windows(Window(5, 9), Window(1, 6))


@given(
    st.datetimes(datetime(1975, 1, 1), datetime(2090, 1, 1)),  # it is a place on a scale
    st.integers(1, 400),
    st.integers(1, 400),
    st.sampled_from(["UTC", "Europe/Madrid", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_windows_follow_one_another_and_are_as_long_as_asked(
    now: datetime, days: int, reference_days: int, zone: str
) -> None:
    moment = int((now - datetime(1970, 1, 1)) / timedelta(microseconds=1))
    found = windows_of(Wanted(days=days, reference_days=reference_days), moment, zone)
    assert found.reference.until == found.analysis.since
    assert found.analysis.until == moment
    for window, length in ((found.analysis, days), (found.reference, reference_days)):
        assert abs(window.until - window.since - length * DAY) <= 2 * HOUR
