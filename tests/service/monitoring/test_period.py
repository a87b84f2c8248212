"""The days that a dashboard is asked for."""

from __future__ import annotations

import pytest

from service.monitoring.dashboard import read_period
from service.monitoring.dashboard.period import MOST_DAYS, monday_of, name_of
from service.problems import ProblemError
from tests.service.monitoring.counted import DAY, MONDAY

NOW = MONDAY + 20 * DAY


def asked(*query: tuple[str, str]) -> tuple[str, str]:
    period = read_period(query, NOW)
    return str(period.first), str(period.last)


def refused(*query: tuple[str, str]) -> dict[str, str]:
    with pytest.raises(ProblemError) as problem:
        read_period(query, NOW)
    assert problem.value.status == 422
    return {item.field: item.message for item in problem.value.findings}


def test_thirty_days_up_to_today_where_nothing_is_asked() -> None:
    assert asked() == ("2026-10-24", "2026-11-22")


def test_either_end_may_be_left_out() -> None:
    assert asked(("until", "2026-03-01")) == ("2026-01-31", "2026-03-01")
    assert asked(("from", "2026-11-20")) == ("2026-11-20", "2026-11-22")
    assert asked(("from", "2020-01-01")) == ("2020-01-01", "2021-02-03")
    assert asked(("from", "2026-12-24")) == ("2026-12-24", "2026-12-24")
    assert asked(("until", "2000-01-02")) == ("2000-01-01", "2000-01-02")


def test_a_change_of_clocks_makes_no_day_longer() -> None:
    period = read_period([("from", "2026-10-24"), ("until", "2026-10-26")], NOW)
    assert [name_of(day) for day in period.days] == ["2026-10-24", "2026-10-25", "2026-10-26"]
    assert name_of(monday_of(period.days[1])) == "2026-10-19"


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-2-3", "20261121", "2026-02-30", "2026-11-21T00:00", "\u0662026-11-21"]
)
def test_what_is_no_day_is_refused_by_name_with_what_is_one(text: str) -> None:
    assert refused(("until", text)) == {
        "until": f"until='{text}' is not a day as 2026-11-21, from 2000-01-01 to 2099-12-31"
    }


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert refused(("from", "1999-12-31"), ("until", "x")).keys() == {"from", "until"}


def test_days_in_reverse_and_too_many_days_are_refused() -> None:
    reverse = refused(("from", "2026-11-20"), ("until", "2026-11-19"))
    assert "until='2026-11-19' is not a day from 2026-11-20 to" in reverse["until"]
    assert asked(("from", "2025-01-01"), ("until", "2026-02-04"))[0] == "2025-01-01"
    assert f"at most {MOST_DAYS} days" in refused(("from", "2025-01-01"), ("until", "2026-02-05"))["until"]


def test_what_is_no_parameter_or_comes_twice_is_refused() -> None:
    assert refused(("form", "2026-11-20")) == {"form": "'form' is not one of: from, until, each once"}
    assert refused(("from", "2026-11-20"), ("from", "2026-11-21")).keys() == {"from"}
    assert len(refused(*((f"x{number}", "") for number in range(50)))) == 5
