"""Boards of made-up counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import numpy as np

from service.monitoring.cells import Cell, Cells, Of, add, day_of
from service.monitoring.dashboard import Known, Period, dashboard_json
from service.monitoring.events import Event
from service.monitoring.score_bins import UNKNOWN, bins_of
from service.openapi.dashboard import dashboard_schemas
from tests.service.monitoring.counted import DAY, MONDAY, SCORER

NOW = MONDAY + 20 * DAY
PERIOD = Period(*(datetime.fromtimestamp(at / 1e6, UTC).date() for at in (MONDAY, MONDAY + 13 * DAY)))
TRAFFIC = {"requests": 0, "errors": 0, "p50_ms": None, "p99_ms": None}
FIRST = day_of(MONDAY)
HOUR = DAY // 24
FIGURES = ("bad", "expected_bad", "brier", "auc")


def board(cells: Cells, *events: Event, **more: Any) -> dict[str, Any]:
    """The dashboard of two weeks, after it was found to be of the published shape."""
    known = Known(cells, events, more.pop("report", None), more.pop("behind", 0), NOW)
    body = dashboard_json(SCORER, PERIOD, known, TRAFFIC)
    jsonschema.Draft202012Validator(dashboard_schemas()["Dashboard"]).validate(
        json.loads(json.dumps(body, allow_nan=False))
    )
    for values in (
        *body["volume"].values(),
        body["score"]["psi"],
        *(item["csi"] for item in body["columns"]),
    ):
        assert len(values) == len(body["days"]) == 14
    return body


def decided(day: int, counts: tuple[int, int, int], model: str = "small_loans:a", **more: Any) -> Cells:
    """Decisions of a day, all of them with P(bad) 0.1."""
    policy, source = more.get("policy", "p-1"), more.get("source", "online")
    begins, ends = more.get("span", (0, 5))
    scores = np.zeros(20, np.int64)
    scores[2] = sum(counts)
    at = (FIRST + day) * DAY
    found = {
        "decisions": np.array(counts),
        "scores": more.get("scores", scores),
        "known": np.array([sum(counts)]),
        "sum": np.array([0.1 * sum(counts)]),
        "first": np.array([at + begins]),
        "last": np.array([at + ends]),
        "refused": np.array([more.get("refused", 0)]),
    }
    return {Cell(Of.DECISIONS, FIRST + day, model, policy, source): found}


def told(day: int, probabilities: Any, bad: Any, model: str = "small_loans:a") -> Cells:
    """Outcomes of a day's decisions."""
    p, y = np.asarray(probabilities, np.float64), np.asarray(bad, np.float64)
    values = {"told": np.ones(len(p)), "bad": y, "sum": p, "square": p**2, "brier": (p - y) ** 2}
    counts = {name: np.bincount(bins_of(p), one, UNKNOWN + 1) for name, one in values.items()}
    return {Cell(Of.OUTCOMES, FIRST + day, model, "p-1", "online"): counts}


def together(*parts: Cells) -> Cells:
    found: Cells = {}
    for part in parts:
        for cell, counts in part.items():
            add(found, cell, counts)
    return found
