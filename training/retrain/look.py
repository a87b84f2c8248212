"""A look at the evidence before a retraining: what drift and outcomes advise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.scoring.scorer import Scorer
from training.monitoring.look import look, see
from training.monitoring.observed import observe
from training.monitoring.windows import Wanted, Window, windows_of
from training.performance.maturity import DAY
from training.retrain.ending import NothingYet
from training.retrain.place import Place

LEAST_DECISIONS = 120
WEEK = 7 * DAY


def expect_enough(place: Place, champion: Scorer, now: int) -> int:
    """Return how many decisions the last week had; raises `NothingYet` for fewer than 120, or than the use case asks.

    now: microseconds since 1970, UTC.
    """
    seen = observe(place.log, champion, Window(now - WEEK, now))
    decisions, needed = seen.rows + seen.erased, max(LEAST_DECISIONS, place.use_case.monitoring.least_records)
    if decisions < needed:
        raise NothingYet(
            f"{decisions} decisions in the last 7 days, and at least {needed} are needed; wait until there are more"
        )
    return decisions


def advice_of(place: Place, champion: Scorer, now: int) -> Mapping[str, Any] | None:
    """Return what a look at `now` advises, as JSON data: the advice that `aval drift` gives."""
    least = place.use_case.monitoring.least_records
    seen = see(place.log, champion, windows_of(Wanted(), now, place.settings.time_zone), least)
    return look(place.log, seen, champion, place.use_case, now).advice
