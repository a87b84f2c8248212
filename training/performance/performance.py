"""How a model that decides performs, from what is known of its decisions: measured where it can be, else estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from service.decision_log.statements import iso
from service.scoring.profile import level_counts
from service.scoring.scorer import Scorer
from training.performance.alarm import Alarm, Bounds, Entering, calibration_alarm
from training.performance.expected import Expected, expected
from training.performance.figures import Figures, figures, too_few
from training.performance.maturity import DAY, Population, cohorts
from training.performance.ranking import Ranking, Stretches, ranking
from training.performance.reference import promised, usual_log_odds
from training.performance.relations import Relation, relations
from training.performance.seen import Seen, see
from training.performance.told import Told
from training.use_case import Monitoring, UseCase

if TYPE_CHECKING:
    from training.monitoring.observed import Observed

# Figures are of the matured decisions of so many days, or of those since a change that the alarm has found.
STRETCH_DAYS = 90


@dataclass(frozen=True)
class Performance:
    """What is known of a model's decisions at one moment.

    mature: figures of decisions between `since` and `until` (microseconds) whose outcome counts. naive: the same for
    whatever is told of all since then, which says the more of bad cases the sooner these are told. earlier: figures
    of matured decisions before. expected: an estimate for decisions of the same kinds that have not matured.
    """

    model: str
    as_of: int
    since: int
    until: int
    maturity_days: int
    population: Population
    coverage: Sequence[dict[str, Any]]
    mature: Figures
    naive: Figures
    earlier: Figures
    promised: dict[str, Any] | None
    expected: Expected
    alarm: Alarm
    ranking: Ranking
    relations: tuple[Relation, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "model": self.model,
            "as_of": iso(self.as_of),
            "from": iso(self.since),
            "until": iso(self.until),
            "maturity_days": self.maturity_days,
            "population": self.population.to_json(),
            "coverage": list(self.coverage),
            "mature": self.mature.to_json(),
            "naive": self.naive.to_json(),
            "earlier": self.earlier.to_json(),
            "promised": self.promised,
            "expected": self.expected.to_json(),
            "alarm": self.alarm.to_json(),
            "ranking": self.ranking.to_json(),
            "relations": [asdict(item) | {"changed": item.changed} for item in self.relations],
        }


def judge(observed: Observed, told: Told, scorer: Scorer, use_case: UseCase, now: int) -> Performance:
    """Return how the scorer's model performs, from the decisions that it made itself among those observed.

    now: microseconds since 1970, UTC. Observe the `history` that ends then, so that there is something to know of.
    """
    monitoring, costs = use_case.monitoring, use_case.costs
    seen = see(observed, told, scorer.tag, monitoring, now)
    alarm = _alarm(seen, scorer, monitoring)
    since = _since(seen, alarm, monitoring, now)
    stretches = Stretches(seen.counted & (seen.at >= since), seen.counted & (seen.at < since))
    young = seen.own & ~seen.mature & seen.of_population
    return Performance(
        model=scorer.tag,
        as_of=now,
        since=since,
        until=now - monitoring.maturity_days * DAY,
        maturity_days=monitoring.maturity_days,
        population=seen.population,
        coverage=cohorts(seen.at[seen.own], seen.bad[seen.own], seen.mature[seen.own]),
        mature=figures(seen.known(stretches.now), costs),
        naive=figures(seen.known(seen.told & (seen.at >= since)), costs),
        earlier=figures(seen.known(stretches.before), costs),
        promised=promised(scorer.evidence),
        expected=expected(observed.probabilities[young], observed.decisions[young], costs),
        alarm=alarm,
        ranking=ranking(seen, stretches, scorer.evidence, monitoring),
        relations=_relations(seen, stretches, scorer),
    )


def _alarm(seen: Seen, scorer: Scorer, monitoring: Monitoring) -> Alarm:
    rows = seen.counted
    centre = usual_log_odds(scorer.evidence, seen.observed.probabilities[seen.own])
    bounds = Bounds(monitoring.alpha_calibration, monitoring.tolerated_shift, centre)
    return calibration_alarm(Entering(seen.known(rows), seen.at[rows], seen.counted_at[rows]), bounds)


def _since(seen: Seen, alarm: Alarm, monitoring: Monitoring, now: int) -> int:
    """Return from when on figures are taken: the change that the alarm found, else the latest stretch."""
    if alarm.since is not None:
        return int(np.datetime64(alarm.since, "us").astype(np.int64))
    start = now - (monitoring.maturity_days + STRETCH_DAYS) * DAY
    if not too_few(seen.known(seen.counted & (seen.at >= start))):
        return start
    # All there is, where the latest stretch alone would say nothing.
    return int(seen.at[seen.own].min(initial=start))


def _relations(seen: Seen, stretches: Stretches, scorer: Scorer) -> tuple[Relation, ...]:
    if too_few(seen.known(stretches.now)):
        return ()
    before = None if too_few(seen.known(stretches.before)) else seen.cases(stretches.before)
    contract = scorer.contract
    return tuple(relations(contract.inputs, level_counts(contract), seen.cases(stretches.now), before))
