"""Counts of a period, looked up by day: what was decided, and how the score was distributed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from service.monitoring.cells import Cell, Cells, Counts, Of, Source
from service.monitoring.dashboard.stability import index_of, indices_of
from service.scoring.policy import DECISIONS
from service.scoring.profile import SCORE_BORDERS
from service.scoring.scorer import Scorer

SCORE_BINS = len(SCORE_BORDERS) + 1


def of(cells: Cells, kind: Of) -> Iterable[tuple[Cell, Counts]]:
    """Return the cells of one kind."""
    return ((cell, counts) for cell, counts in cells.items() if cell.of is kind)


def volume(cells: Cells, days: Sequence[int]) -> dict[str, list[int]]:
    """Return decisions, refused records, and decisions of batch runs, of each day."""
    places = {day: place for place, day in enumerate(days)}
    names = [*map(str, DECISIONS), "refused", "batch"]
    table = np.zeros((len(names), len(days)), np.int64)
    for cell, counts in of(cells, Of.DECISIONS):
        place = places[cell.day]
        decided = counts.get("decisions", np.zeros(len(DECISIONS), np.int64))
        table[: len(DECISIONS), place] += decided
        table[names.index("refused"), place] += counts.get("refused", np.zeros(1, np.int64))[0]
        if cell.source == Source.BATCH:
            table[names.index("batch"), place] += decided.sum()
    return {name: row.tolist() for name, row in zip(names, table, strict=True)}


def score(cells: Cells, days: Sequence[int], scorer: Scorer) -> dict[str, Any]:
    """Return the distribution of the served model's score, and its PSI against the bundle's profile.

    It is told and not judged: a profile holds the scores of the fit that was judged before the bundle was fitted again.
    """
    reference = np.array(scorer.profile.probability.counts)
    places = {day: place for place, day in enumerate(days)}
    by_day = np.zeros((len(days), SCORE_BINS), np.int64)
    for cell, counts in of(cells, Of.DECISIONS):
        if cell.model == scorer.tag and "scores" in counts:
            by_day[places[cell.day]] += counts["scores"]
    whole = by_day.sum(axis=0)
    return {
        "borders": list(SCORE_BORDERS),
        "reference": reference.tolist(),
        "analysis": whole.tolist(),
        "psi": indices_of(reference, by_day),
        "window_psi": index_of(reference, whole),
    }
