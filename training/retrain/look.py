"""A look at the evidence before a retraining: what drift and outcomes advise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.scoring.scorer import Scorer
from training.monitoring.look import drift_of, see
from training.monitoring.observed import observe
from training.monitoring.windows import Wanted, Window, windows_of
from training.performance import advise, history, judge, told
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
    """Return the advice of the evidence at `now`, as JSON data; None where the last week holds too few decisions."""
    use_case = place.use_case
    monitoring = use_case.monitoring
    seen = see(
        place.log, champion, windows_of(Wanted(), now, place.settings.time_zone), monitoring.least_records
    )
    if seen.analysis.rows < monitoring.least_records:
        return None
    past = observe(place.log, champion, history(monitoring, now))
    performance = judge(past, told(place.log, use_case.name, past, now), champion, use_case, now)
    return advise(drift_of(seen, champion, monitoring.alpha_drift).to_json(), performance).to_json()
