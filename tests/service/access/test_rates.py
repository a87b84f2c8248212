from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.keys import ApiKey, digest_of
from service.access.rates import Rates

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Clock:
    """A clock that a test moves on."""

    def __init__(self, time: float = 100_000.0) -> None:
        self.time = time

    def __call__(self) -> float:
        return self.time


def limited(per_second: float | None, burst: int | None = None, key_id: str = "key-1") -> ApiKey:
    return ApiKey(key_id, "portal", digest_of(key_id), ("predict",), NOW, None, per_second, burst)


def admitted(rates: Rates, key: ApiKey, times: int) -> int:
    return sum(rates.take(key) == 0 for _ in range(times))


def test_a_key_without_a_rate_is_never_held_back() -> None:
    assert admitted(Rates(clock=Clock()), limited(None), 1000) == 1000


@pytest.mark.parametrize(
    ("per_second", "burst", "at_once"), [(50, None, 50), (0.1, None, 1), (1, 5, 5), (1.5, None, 2)]
)
def test_a_burst_is_let_through_at_once_and_no_more(
    per_second: float, burst: int | None, at_once: int
) -> None:
    assert admitted(Rates(clock=Clock()), limited(per_second, burst), 1000) == at_once


def test_after_a_burst_requests_come_at_the_rate() -> None:
    clock = Clock()
    rates, key = Rates(clock=clock), limited(10, 1)
    rates.take(key)
    assert rates.take(key) == pytest.approx(0.1)
    clock.time += 0.05
    assert rates.take(key) == pytest.approx(0.05)
    clock.time += 0.05
    assert rates.take(key) == 0


def test_a_refused_request_does_not_count() -> None:
    clock = Clock()
    rates, key = Rates(clock=clock), limited(1, 1)
    admitted(rates, key, 100)
    clock.time += 1
    assert rates.take(key) == 0


def test_keys_do_not_take_from_each_other() -> None:
    rates = Rates(clock=Clock())
    assert [admitted(rates, limited(1, 3, f"key-{number}"), 10) for number in range(200)] == [3] * 200


def test_workers_share_what_a_key_may_ask(tmp_path: Path) -> None:
    clock, key = Clock(), limited(10, 10)
    one, other = Rates(tmp_path / "rates", clock), Rates(tmp_path / "rates", clock)
    assert [admitted(one, key, 6), admitted(other, key, 6), admitted(one, key, 6)] == [6, 4, 0]
    clock.time += 0.5
    assert [admitted(other, key, 9), admitted(one, key, 9)] == [5, 0]


def test_a_table_from_before_the_machine_was_started_again_holds_nobody_back(tmp_path: Path) -> None:
    key = limited(10, 10)
    admitted(Rates(tmp_path / "rates", Clock(9_000_000.0)), key, 10)
    assert admitted(Rates(tmp_path / "rates", Clock(3.0)), key, 20) == 10


@given(
    st.floats(0.01, 100_000),
    st.integers(1, 50),
    st.lists(st.floats(0, 3), max_size=60),
    st.floats(0, 10_000_000),
)
def test_in_no_time_does_a_key_get_more_than_its_burst_and_its_rate(
    per_second: float, burst: int, pauses: list[float], start: float
) -> None:
    clock = Clock(start)
    rates, key = Rates(clock=clock), limited(per_second, burst)
    taken: list[float] = []
    for pause in pauses:
        clock.time += pause / per_second
        taken += [clock.time] * admitted(rates, key, 3)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            most = burst + per_second * (taken[last] - taken[first]) + 0.01 * (last - first + 1)
            assert last - first + 1 <= most


@given(st.floats(0.01, 10_000), st.integers(1, 20))
def test_whoever_waits_as_told_is_let_through(per_second: float, burst: int) -> None:
    clock = Clock()
    rates, key = Rates(clock=clock), limited(per_second, burst)
    admitted(rates, key, burst)
    for _ in range(5):
        clock.time += rates.take(key)
        assert rates.take(key) == 0
