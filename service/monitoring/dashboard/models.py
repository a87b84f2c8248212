"""What decided: models and policies side by side, their shadow, and when they changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from service.decision_log.statements import iso
from service.monitoring.cells import FIRST, LAST, Cell, Cells, Of, add, day_of
from service.monitoring.dashboard.by_day import of
from service.monitoring.dashboard.stability import share
from service.monitoring.dashboard.told import Told
from service.monitoring.events import Event
from service.scoring.policy import DECISIONS


def models(cells: Cells) -> list[dict[str, Any]]:
    """Return every model with every policy it decided under, the first one first."""
    told: dict[tuple[str, str], Told] = defaultdict(Told)
    for cell, counts in of(cells, Of.OUTCOMES):
        told[cell.model, cell.policy].add(counts)
    together = _together(cells)
    return [_model(cell, counts, told[cell.model, cell.policy]) for cell, counts in together.items()]


def shadows(cells: Cells) -> list[dict[str, Any]]:
    """Return what shadows said of the same records: how often the same, and how their P(bad) differs on average."""
    together: Cells = {}
    for cell, counts in of(cells, Of.SHADOW):
        add(together, Cell(Of.SHADOW, 0, cell.model), counts)
    return [
        {
            "model": cell.model,
            "decisions": int(counts["decisions"][0]),
            "same": int(counts["same"][0]),
            "mean_difference": share(counts["difference"][0], counts["decisions"][0]),
        }
        for cell, counts in together.items()
    ]


def marks(cells: Cells, retrainings: Sequence[Event]) -> list[dict[str, str]]:
    """Return when another model or policy decided than before, and how retrainings ended, in the order of time.

    Whatever decided first in the period is no change; what decided before another one is said to be back.
    """
    found = [(at, kind, text) for kind in ("model", "policy") for at, text in _changes(cells, kind)]
    stories = {str(event.body.get("story", event.key)): event for event in retrainings}
    found += [(event.at, "retraining", _words(event)) for event in stories.values()]
    return [{"at": iso(at), "kind": kind, "text": text} for at, kind, text in sorted(found)]


def _changes(cells: Cells, kind: str) -> list[tuple[int, str]]:
    """Return when another one decided, and its name: online and batch runs by themselves, both of a day as one."""
    found: dict[tuple[int, str], int] = {}
    now: dict[str, str] = {}
    used: set[tuple[str, str]] = set()
    for at, source, name in sorted(_uses(cells, kind)):
        is_new = all(name != other for _, other in used)
        if used and name != now.get(source, "" if is_new else name):
            text = f"back to {name}" if (source, name) in used else name
            found.setdefault((day_of(at), text), at)
        now[source] = name
        used.add((source, name))
    return [(at, text) for (_, text), at in found.items()]


def _uses(cells: Cells, kind: str) -> Iterator[tuple[int, str, str]]:
    """Yield from when on what decided, by day and source: moments, sources, names."""
    spans: dict[tuple[int, str], dict[str, tuple[int, int]]] = defaultdict(dict)
    for cell, counts in of(cells, Of.DECISIONS):
        if "decisions" in counts:
            day, name = spans[cell.day, cell.source], getattr(cell, kind)
            first, last = int(counts[FIRST][0]), int(counts[LAST][0])
            before = day.get(name, (first, last))
            day[name] = min(first, before[0]), max(last, before[1])
    for (_, source), day in spans.items():
        yield from ((first, source, name) for name, (first, _) in day.items())
        *others, (_, at_last) = sorted((last, name) for name, (_, last) in day.items())
        if others and at_last != max(day, key=lambda name: day[name][0]):
            # Something else began since it did: it is back when nothing else decided any more.
            yield others[-1][0] + 1, source, at_last


def _together(cells: Cells) -> Cells:
    together: Cells = {}
    for cell, counts in of(cells, Of.DECISIONS):
        if "decisions" in counts:
            add(together, Cell(Of.DECISIONS, 0, cell.model, cell.policy), counts)
    return dict(sorted(together.items(), key=lambda item: int(item[1][FIRST][0])))


def _model(cell: Cell, counts: Any, told: Told) -> dict[str, Any]:
    decided: Any = np.array(counts["decisions"])
    return {
        "model": cell.model,
        "policy": cell.policy,
        "first": iso(int(counts[FIRST][0])),
        "last": iso(int(counts[LAST][0])),
        "decisions": int(decided.sum()),
        **{str(name): int(decided[code]) for code, name in enumerate(DECISIONS)},
        "mean_probability": share(counts["sum"][0], counts["known"][0]),
        "told": told.told,
        "bad": told.bad,
        "brier": told.brier,
    }


def _words(event: Event) -> str:
    return str(event.body.get("text") or event.body.get("step") or event.key)
