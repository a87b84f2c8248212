"""The whole of `/dashboard.json`, and the few figures of it that become gauges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.decision_log.statements import iso
from service.monitoring.cells import MICROSECONDS_A_DAY, Cells
from service.monitoring.dashboard.by_day import score, volume
from service.monitoring.dashboard.columns import columns
from service.monitoring.dashboard.models import marks, models, shadows
from service.monitoring.dashboard.period import Period, name_of
from service.monitoring.dashboard.said import incidents, open_by_severity, retrainings, with_moment
from service.monitoring.dashboard.stability import ALARM, WARN
from service.monitoring.dashboard.told import outcomes
from service.monitoring.events import Event
from service.scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Known:
    """What was counted of a period's days, and what was said.

    events: incidents and retrainings of the use case, in their order. report: the last look, None where nobody has
    looked. behind: entries of the log that are not counted yet. now: microseconds
    since 1970, UTC.
    """

    cells: Cells
    events: Sequence[Event]
    report: Event | None
    behind: int
    now: int


def dashboard_json(
    scorer: Scorer, period: Period, known: Known, traffic: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the dashboard of a period as JSON data. Days are those of UTC, and so is every moment.

    The reference of scores and inputs is the profile of the bundle that is served.
    """
    days = period.days
    since, until = days[0] * MICROSECONDS_A_DAY, (days[-1] + 1) * MICROSECONDS_A_DAY
    retrained = [event for event in known.events if event.kind == "retraining"]
    return {
        "use_case": scorer.contract.use_case,
        "title": scorer.contract.title,
        "as_of": iso(known.now),
        "zone": "UTC",
        "caught_up": known.behind == 0,
        "behind": known.behind,
        "from": str(period.first),
        "until": str(period.last),
        "days": [name_of(day) for day in days],
        "thresholds": {"warn": WARN, "alarm": ALARM},
        "volume": volume(known.cells, days),
        "score": score(known.cells, days, scorer),
        "columns": columns(scorer, known.cells, days),
        "outcomes": outcomes(known.cells, days, _maturity_days(known.report), known.now),
        "models": models(known.cells),
        "shadow": shadows(known.cells),
        "marks": marks(known.cells, [event for event in retrained if since <= event.at < until]),
        "incidents": incidents(known.events, since),
        "report": None if known.report is None else with_moment(known.report),
        "retraining": retrainings(known.events),
        "traffic": dict(traffic),
    }


def watched_json(scorer: Scorer, period: Period, known: Known, told: int) -> dict[str, Any]:
    """Return what gauges tell: of a period `psi` and `csi` by column, and `told`, open `incidents` and `behind`.

    told: outcomes of all decisions that are counted.
    """
    days = period.days
    return {
        "psi": score(known.cells, days, scorer)["window_psi"],
        "csi": {item["name"]: item["window_csi"] for item in columns(scorer, known.cells, days)},
        "told": told,
        "incidents": open_by_severity(incidents(known.events, known.now)),
        "behind": known.behind,
    }


def _maturity_days(report: Event | None) -> int | None:
    """Return after how many days outcomes count, as the use case declares it: the last look says so."""
    performance: Mapping[str, Any] = {} if report is None else report.body.get("performance", {})
    days: int | None = performance.get("maturity_days")
    return days
