"""Incidents, looks and retrainings on the dashboard, and the same figures as gauges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from service.monitoring.dashboard import Known, dashboard_json, watched_json
from service.monitoring.events import Event
from tests.service.monitoring.boards import (
    NOW,
    PERIOD,
    TRAFFIC,
    board,
    decided,
)
from tests.service.monitoring.counted import DAY, MONDAY, SCORER, USE_CASE


def incident(step: str, at: int, recovered: int | None = None, name: str = "0" * 16, **more: Any) -> Event:
    body = {
        "step": step,
        "incident": name,
        "key": "drift:income",
        "severity": "warning",
        "title": "income drifted",
        "figures": {"csi": 0.3},
        "opened_at": MONDAY + DAY,
        "recovered_at": recovered,
        **more,
    }
    return Event(USE_CASE, "incident", f"{name}-{step}-{at}", at, body)


def test_an_incident_is_told_as_it_is_now() -> None:
    opened, raised = (
        incident("opened", MONDAY + DAY),
        incident("raised", MONDAY + 2 * DAY, severity="critical"),
    )
    look = Event(USE_CASE, "incident", "look", MONDAY + 3 * DAY, {"step": "look"})
    (now,) = board({}, opened, raised, look)["incidents"]
    assert (now["severity"], now["opened_at"], now["recovered_at"]) == (
        "critical",
        "2026-11-03T00:00:00Z",
        None,
    )
    (over,) = board({}, opened, raised, incident("recovered", MONDAY + 4 * DAY, MONDAY + 4 * DAY))[
        "incidents"
    ]
    assert over["recovered_at"] == "2026-11-06T00:00:00Z"
    long_over = replace(incident("recovered", MONDAY - 4 * DAY, MONDAY - DAY))
    assert board({}, opened, long_over)["incidents"] == []


def test_the_last_look_and_the_steps_of_retrainings_are_told_with_their_moments() -> None:
    report = Event(USE_CASE, "report", "k", MONDAY, {"columns": []})
    steps = [
        Event(USE_CASE, "retraining", f"s-{step}", MONDAY + step, {"story": "s", "step": f"step {step}"})
        for step in range(25)
    ]
    before = Event(USE_CASE, "retraining", "r", MONDAY - 1, {"story": "r", "step": "ended"})
    body = board({}, before, *steps, report=report)
    assert body["report"] == {"at": MONDAY, "columns": []}
    assert [item["step"] for item in body["retraining"]] == [f"step {step}" for step in range(5, 25)]
    assert body["marks"] == [{"at": "2026-11-02T00:00:00.000024Z", "kind": "retraining", "text": "step 24"}]


def test_gauges_tell_the_same_figures() -> None:
    reference = np.array(SCORER.profile.probability.counts)
    cells = decided(1, (500, 0, 0), SCORER.tag, scores=reference[::-1])
    events = [incident("opened", MONDAY), incident("opened", MONDAY, name="1" * 16, severity="critical")]
    known = Known(cells, events, None, 3, NOW)
    figures = watched_json(SCORER, PERIOD, known, 40)
    body = dashboard_json(SCORER, PERIOD, known, TRAFFIC)
    assert figures["psi"] == body["score"]["window_psi"] > 0.25
    assert figures["csi"] == dict.fromkeys(SCORER.contract.inputs)
    assert (figures["told"], figures["behind"]) == (40, 3)
    assert figures["incidents"] == {"warning": 1, "critical": 1}
