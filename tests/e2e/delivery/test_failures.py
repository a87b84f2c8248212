from __future__ import annotations

import pytest

from tests.e2e.delivery.failures import Failures, gone, in_flight
from tests.e2e.delivery.steady import Asked

KILLED_AT = 100.0


@pytest.mark.parametrize(
    ("seen_at", "expected"),
    [(100.2, 100.2), (104.0, 101.0), (37.0, 101.0)],
    ids=["seen soon", "seen late", "another end"],
)
def test_a_killed_replica_is_gone_when_that_is_seen_and_never_later_than_a_second(
    seen_at: float, expected: float
) -> None:
    assert gone(KILLED_AT, seen_at) == expected


@pytest.mark.parametrize(
    ("sent", "ended", "expected"),
    [(99.9, 100.1, True), (100.1, 100.2, True), (99.8, 99.9, False), (100.3, 100.4, False)],
    ids=["before", "while it died", "answered before", "afterwards"],
)
def test_only_what_was_sent_before_a_replica_was_gone_may_fail(
    sent: float, ended: float, expected: bool
) -> None:
    happened = Failures(KILLED_AT, gone_at=100.2, back=5.0, replaced_at=120.0, replaced=5.0)
    assert in_flight(Asked("id", False, sent, sent, ended, 502, None), happened) is expected
