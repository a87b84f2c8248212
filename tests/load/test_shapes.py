from __future__ import annotations

import statistics
from itertools import pairwise

import pytest

from tests.load.shapes import BEFORE_IDLE, GAPS, NAMES, Phase, Shape, arrivals, even, poisson, shape_of


@pytest.mark.parametrize("name", NAMES)
def test_as_many_requests_are_due_as_the_rates_say_and_none_after_the_end(name: str) -> None:
    shape = shape_of(name, 200, 10)
    due = [arrival.at for arrival in arrivals(shape, even())]
    assert len(due) == pytest.approx(sum(phase.requests for phase in shape.phases), abs=len(shape.phases))
    assert due == sorted(due)
    assert 0 < due[0] < due[-1] <= shape.seconds + 1e-9


def test_constant_throughput_is_evenly_spaced() -> None:
    due = [arrival.at for arrival in arrivals(shape_of("steady", 100, 5), even())]
    assert {round(after - before, 9) for before, after in pairwise(due)} == {0.01}


def test_a_ramp_becomes_ever_denser() -> None:
    due = [arrival.at for arrival in arrivals(shape_of("ramp", 100, 10), even())]
    gaps = [after - before for before, after in pairwise(due)]
    assert gaps == sorted(gaps, reverse=True)
    assert 1 / gaps[-1] == pytest.approx(150, rel=0.01)


def test_a_burst_is_four_times_as_dense_as_what_surrounds_it() -> None:
    due = [arrival.at for arrival in arrivals(shape_of("burst", 100, 10), even())]
    by_second = [sum(second <= at < second + 1 for at in due) for second in range(10)]
    assert by_second[4:6] == pytest.approx([200, 200], abs=2)
    assert by_second[0:4] + by_second[6:] == pytest.approx([50] * 8, abs=2)


def test_nothing_is_due_while_it_is_idle_and_what_comes_before_counts_for_itself() -> None:
    found = list(arrivals(shape_of("idle-after-burst", 100, 10), even()))
    assert not [arrival for arrival in found if 2 < arrival.at < 7]
    assert {arrival.label for arrival in found if arrival.at <= 2} == {BEFORE_IDLE}
    assert {arrival.label for arrival in found if arrival.at >= 7} == {"idle-after-burst"}


def test_poisson_gaps_vary_as_they_must_and_are_the_same_in_every_run() -> None:
    shape = Shape("long", (Phase("long", 100, 100, 100),))
    due, again = ([arrival.at for arrival in arrivals(shape, poisson())] for _ in range(2))
    gaps = [after - before for before, after in pairwise(due)]
    assert due == again
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)


def test_every_kind_of_gaps_has_a_mean_of_one() -> None:
    for made in GAPS.values():
        gap = made()
        assert statistics.mean(gap() for _ in range(20_000)) == pytest.approx(1, rel=0.03)
