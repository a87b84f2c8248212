"""What one process watches of the model that it serves; nothing is opened before somebody looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from service.decision_log.segments.store import SegmentStore
from service.monitoring.cells import Of, added
from service.monitoring.dashboard import Known, Period, dashboard_json, last_days, watched_json
from service.monitoring.database import open_database
from service.monitoring.decisions import DecisionsRollup
from service.monitoring.events import EventStore
from service.monitoring.follower import USUAL_PACE, Follower, Pace
from service.monitoring.following import behind, rollups_of
from service.monitoring.rollups import RollupStore
from service.scoring.scorer import Scorer

# The days that gauges are about: the usual analysis of `aval drift`.
GAUGED_DAYS = 7


class Watch:
    """Counts while somebody looks, and says what was counted; threads may share it."""

    def __init__(
        self,
        address: str,
        log: SegmentStore,
        scorer: Scorer,
        tell: Callable[[Mapping[str, Any]], None],
        pace: Pace = USUAL_PACE,
    ) -> None:
        """Prepare to watch the decisions of a log with the database of monitoring at `address`.

        tell: called with the figures of `watched_json` after each look at the log, in a thread of its own, and with
        `looked`: when (seconds since 1970), None where another process counts and is behind.
        """
        self._address, self._log, self._scorer, self._tell = address, log, scorer, tell
        self._rollups = rollups_of(scorer)
        use_case = scorer.contract.use_case
        self._follower = Follower(self._store, log, use_case, self._rollups, self._tell_figures, pace)

    def look(self) -> None:
        """Say that somebody looks, so that what is new is counted; returns at once."""
        self._follower.look()

    def board(self, period: Period, traffic: Mapping[str, Any]) -> dict[str, Any]:
        """Return the dashboard of a period, as far as is counted now.

        Raises `MonitoringDown`, and `LogRefused` for a log that cannot be read.
        """
        return dashboard_json(self._scorer, period, self._known(period), traffic)

    def close(self, seconds: float) -> None:
        """Stop counting."""
        self._follower.close(seconds)

    def _known(self, period: Period) -> Known:
        use_case, days = self._scorer.contract.use_case, period.days
        database = open_database(self._address)
        store, events = RollupStore(database, use_case), EventStore(database)
        # Before the counts are read: they are then at least what this says of them.
        left = behind(store, self._log, self._rollups)
        return Known(
            cells=added(store.cells(rollup.name, days[0], days[-1]) for rollup in self._rollups),
            events=events.events(use_case, ("incident", "retraining")),
            report=events.latest(use_case, "report"),
            behind=left,
            now=time.time_ns() // 1000,
        )

    def _tell_figures(self, counted: bool) -> None:
        period = last_days(GAUGED_DAYS, time.time_ns() // 1000)
        known = self._known(period)
        outcomes = self._store().every(DecisionsRollup.name, Of.OUTCOMES)
        told = sum(int(counts["told"].sum()) for counts in outcomes)
        # Whoever leaves the counting to another process cannot know that it goes on.
        looked = known.now / 1e6 if counted or not known.behind else None
        self._tell({**watched_json(self._scorer, period, known, told), "looked": looked})

    def _store(self) -> RollupStore:
        # Opened anew for each look: whoever deletes the counts has everything counted again.
        return RollupStore(open_database(self._address), self._scorer.contract.use_case)
