from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.decision_log.outcomes import Outcome, resolve_outcomes
from service.decision_log.scribe import writing
from service.decision_log.segments.store import SegmentStore
from service.decision_log.statements import Teller
from service.places import place_of
from tests.service.decision_log.segment_logs import SCORER, keep, make
from tests.service.decision_log.written_log import BEGIN, CONTRACT, MINUTE, decision, write
from training.monitoring.observed import Observed, Refused
from training.performance.told import Told, told

HOUR = 60 * MINUTE


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The address of a log of four decisions, d0 to d3."""
    address = f"sqlite:///{tmp_path / 'log.db'}"
    write(address, map(decision, range(4)))
    return address


@pytest.fixture
def asked(url: str, tmp_path: Path) -> Callable[..., Told]:
    """`asked(about, ..., until=)`: what was told of these decisions."""

    def ask(*about: str, until: int = BEGIN + 1_000 * HOUR) -> Told:
        store = SegmentStore(url, place_of(str(tmp_path / "segments")))
        return told(store, "small_loans", observed(about), until)

    return ask


def observed(about: Iterable[str]) -> Observed:
    ids = list(about)
    none: Any = np.zeros(len(ids))
    return Observed(
        np.zeros((len(ids), 1)), none, none, none, ids, ("m",), none.astype(np.int16), 0, Refused(0, {})
    )


def tell(url: str, at: int, *outcomes: tuple[str, int, int], contract: Any = CONTRACT) -> None:
    """Tell (decision, outcome, hour observed) at a moment."""
    some = [Outcome(about, value, BEGIN + hour * HOUR) for about, value, hour in outcomes]
    with writing(url, "tests", at) as scribe:
        scribe.write(resolve_outcomes(contract, some, Teller(at)), [item.decision_id for item in some])


def test_outcomes_stand_beside_the_decisions_that_they_are_about(
    url: str, asked: Callable[..., Told]
) -> None:
    tell(url, BEGIN + 9 * HOUR, ("d2", 1, 5), ("d0", 0, 6))
    found = asked("d0", "d1", "d2")
    assert np.array_equal(found.bad, [0.0, np.nan, 1.0], equal_nan=True), found.bad
    assert found.observed_at.tolist() == [BEGIN + 6 * HOUR, 0, BEGIN + 5 * HOUR]
    assert found.known.tolist() == [True, False, True]


def test_the_last_correction_counts_in_whatever_order_they_are_found(
    url: str, asked: Callable[..., Told]
) -> None:
    for hour, value in enumerate((1, 0, 1, 0), start=5):
        tell(url, BEGIN + (10 + hour) * HOUR, ("d1", value, hour))
    # As another writer's clock may have it.
    tell(url, BEGIN + 9 * HOUR, ("d1", 1, 9))
    found = asked("d1")
    assert found.bad.tolist() == [1.0]
    assert found.observed_at.tolist() == [BEGIN + 9 * HOUR]


def test_what_is_told_later_than_the_look_is_not_known_at_it(url: str, asked: Callable[..., Told]) -> None:
    tell(url, BEGIN + 8 * HOUR, ("d1", 0, 5))
    tell(url, BEGIN + 20 * HOUR, ("d1", 1, 7), ("d2", 1, 5))
    found = asked("d1", "d2", until=BEGIN + 20 * HOUR)
    assert np.array_equal(found.bad, [0.0, np.nan], equal_nan=True), found.bad


def test_a_moment_keeps_its_microseconds(url: str, asked: Callable[..., Told]) -> None:
    exact = BEGIN + 5 * HOUR + 123_456
    with writing(url, "tests", BEGIN) as scribe:
        resolve = resolve_outcomes(CONTRACT, [Outcome("d0", 1, exact)], Teller(BEGIN + 6 * HOUR))
        scribe.write(resolve, ["d0"])
    tell(url, BEGIN + 7 * HOUR, ("d1", 1, 6))
    assert asked("d0", "d1").observed_at.tolist() == [exact, BEGIN + 6 * HOUR]


def test_nothing_is_told_of_no_decisions_and_where_nobody_told_anything(asked: Callable[..., Told]) -> None:
    assert not asked("d0", "d3").known.any()
    assert len(asked().bad) == 0


def test_outcomes_of_batch_decisions_are_found_by_their_rows(url: str, tmp_path: Path) -> None:
    kept = keep(url, tmp_path, make(tmp_path / "made"))
    tell(url, BEGIN + 30 * HOUR, ("0123456789abcdef-2", 1, 20), contract=SCORER.contract)
    about = ["0123456789abcdef-1", "0123456789abcdef-2"]
    found = told(kept.store, "small_loans", observed(about), BEGIN + 100 * HOUR)
    assert np.array_equal(found.bad, [np.nan, 1.0], equal_nan=True), found.bad


def test_outcomes_of_other_use_cases_and_decisions_are_passed_over(
    url: str, asked: Callable[..., Told]
) -> None:
    tell(url, BEGIN + 8 * HOUR, ("d1", 1, 5), ("d2", 0, 5))
    assert asked("d1").bad.tolist() == [1.0]
    assert not asked("unknown").known.any()
