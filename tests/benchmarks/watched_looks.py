"""Looks at a world that has been lived: on each of its days, or on the last one, at records, scores and ranking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from service.scoring.scorer import Scorer
from tests.benchmarks.watched_worlds import BEGIN, Lived
from training.monitoring.drift import (
    Reference,
    Status,
    column_drifts,
    prior_shift,
    profile_reference,
    score_drift,
    window_reference,
)
from training.monitoring.drift.judging import level_of_a_test
from training.monitoring.observed import Observed
from training.monitoring.windows import ANALYSIS_DAYS, REFERENCE_DAYS
from training.performance.maturity import DAY
from training.performance.performance import STRETCH_DAYS
from training.performance.ranking import Stretches, ranking
from training.performance.seen import see
from training.performance.told import Told
from training.use_case import Monitoring

# Besides the columns, a look compares score, bad rate, all columns together, and what is refused.
OTHER_TESTS = 4
# What opens an incident.
_TOLD = frozenset({Status.WARN, Status.ALARM})


def drift_alarms(lived: Lived, scorer: Scorer, monitoring: Monitoring) -> bool:
    """Return whether any daily look, at seven days against the ninety before, found drift of records or scores.

    A warning counts as well as an alarm. The classifier of all columns together is left out: a thousand looks of it
    would take hours.
    """
    level = _level(scorer, monitoring)
    return any(
        not _TOLD.isdisjoint(_statuses(analysis, window_reference(before, scorer), scorer, level))
        for analysis, before in _windows(lived)
    )


def ranking_alarms(lived: Lived, scorer: Scorer, monitoring: Monitoring) -> bool:
    """Return whether any daily look at the ranking of what had matured raised an alarm."""
    days = range(monitoring.maturity_days + 1, _days(lived) + 1)
    return any(_ranking_alarm(lived, scorer, monitoring, BEGIN + day * DAY) for day in days)


def last_look(lived: Lived, scorer: Scorer, monitoring: Monitoring) -> dict[str, Any]:
    """Return the last seven days' columns against the bundle's profile, as a drift report has them."""
    analysis = _part(lived.observed, lived.now - ANALYSIS_DAYS * DAY, lived.now)
    level = _level(scorer, monitoring)
    found = column_drifts(scorer.contract, analysis, profile_reference(scorer), level)
    return {"columns": [item.to_json() for item in found]}


def as_of(lived: Lived, now: int, since: int = BEGIN) -> tuple[Observed, Told]:
    """Return the decisions from `since` on and what was told of them, as it was known at `now` (microseconds)."""
    first, last = np.searchsorted(lived.observed.at, [since, now]).tolist()
    part = slice(first, last)
    observed_at = lived.told.observed_at[part]
    heard = (observed_at > 0) & (observed_at <= now)
    told = Told(np.where(heard, lived.told.bad[part], np.nan), np.where(heard, observed_at, 0))
    return _slice(lived.observed, part), told


def _windows(lived: Lived) -> Iterator[tuple[Observed, Observed]]:
    for day in range(ANALYSIS_DAYS + REFERENCE_DAYS, _days(lived) + 1):
        until = BEGIN + day * DAY
        since = until - ANALYSIS_DAYS * DAY
        yield _part(lived.observed, since, until), _part(lived.observed, since - REFERENCE_DAYS * DAY, since)


def _statuses(analysis: Observed, reference: Reference, scorer: Scorer, level: float) -> list[Status]:
    scores = analysis.probabilities
    return [
        *(item.status for item in column_drifts(scorer.contract, analysis, reference, level)),
        score_drift(scores, reference, level).status,
        prior_shift(scores, reference.mean, reference.mean_variance, level, reference.variance).status,
    ]


def _ranking_alarm(lived: Lived, scorer: Scorer, monitoring: Monitoring, now: int) -> bool:
    # No earlier than three stretches: a look sees what it needs, and a year of looks ends today.
    observed, told = as_of(lived, now, now - (monitoring.maturity_days + 3 * STRETCH_DAYS) * DAY)
    seen = see(observed, told, scorer.tag, monitoring, now)
    start = now - (monitoring.maturity_days + STRETCH_DAYS) * DAY
    stretches = Stretches(seen.counted & (seen.at >= start), seen.counted & (seen.at < start))
    return ranking(seen, stretches, scorer.evidence, monitoring).alarm


def _part(observed: Observed, since: int, until: int) -> Observed:
    first, last = np.searchsorted(observed.at, [since, until]).tolist()
    return _slice(observed, slice(first, last))


def _slice(observed: Observed, part: slice) -> Observed:
    return replace(
        observed,
        matrix=observed.matrix[part],
        probabilities=observed.probabilities[part],
        decisions=observed.decisions[part],
        at=observed.at[part],
        about=observed.about[part],
        model_codes=observed.model_codes[part],
    )


def _level(scorer: Scorer, monitoring: Monitoring) -> float:
    return level_of_a_test(monitoring.alpha_drift, len(scorer.contract.inputs) + OTHER_TESTS)


def _days(lived: Lived) -> int:
    return (lived.now - BEGIN) // DAY
