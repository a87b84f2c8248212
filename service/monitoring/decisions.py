"""What was decided, refused and told, and what a shadow said, counted by day and by what decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import select

from service.decision_log.entries import Kind
from service.decision_log.segments.segment import Segment
from service.decision_log.tables import ENTRIES
from service.monitoring.cells import FIRST, LAST, Cell, Cells, Counts, Of, Source, add, added, day_of
from service.monitoring.outcomes import count_outcomes
from service.monitoring.segment_files import find_segment, sum_of_probabilities
from service.monitoring.unread import Block, OpenLog
from service.scoring.policy import DECISIONS
from service.scoring.profile import SCORE_BORDERS

_CODES = {str(decision): code for code, decision in enumerate(DECISIONS)}
_ABOUTS_AT_ONCE = 500


class DecisionsRollup:
    """Counts everything but the inputs, whatever model decided."""

    # The number is this way of counting: with another one everything is counted anew.
    name = "decisions:1"
    kinds = (Kind.DECISION, Kind.REFUSAL, Kind.OUTCOME, Kind.SHADOW, Kind.SEGMENT)
    parts = ()

    def count(self, log: OpenLog, block: Block) -> Cells:
        """Return what a block's entries come to."""
        return added(count(log, block) for count in _COUNTED)


def _count_decisions(_: OpenLog, block: Block) -> Cells:
    """Return decisions (approve, refer, decline), their scores between the profile's borders, and the sum of P(bad)."""
    cells: Cells = {}
    for cell, rows in _by_cell(block.of_kind(Kind.DECISION)).items():
        scores = np.array([row.probability for row in rows])
        add(cells, cell, _counts([_CODES[row.decision] for row in rows], scores))
        add(cells, cell, {FIRST: np.array([min(row.at for row in rows)])})
        add(cells, cell, {LAST: np.array([max(row.at for row in rows)])})
    return cells


def _counts(codes: Sequence[int], scores: Any) -> Counts:
    bins = np.searchsorted(np.array(SCORE_BORDERS), scores, side="right")
    return {
        "decisions": np.bincount(codes, minlength=len(DECISIONS)),
        "scores": np.bincount(bins, minlength=len(SCORE_BORDERS) + 1),
        # The sum is of so many: of batch runs it may not be known.
        "known": np.array([len(scores)]),
        "sum": np.array([scores.sum()]),
    }


def _count_refusals(_: OpenLog, block: Block) -> Cells:
    rows = _by_cell(block.of_kind(Kind.REFUSAL))
    return {cell: {"refused": np.array([len(some)])} for cell, some in rows.items()}


def _count_segments(log: OpenLog, block: Block) -> Cells:
    cells: Cells = {}
    for row in block.of_kind(Kind.SEGMENT):
        segment = find_segment(log, row.about)
        # One that was registered twice counts as it was first.
        if segment is not None and (segment.row.writer, segment.row.seq) == (block.writer, row.seq):
            add(cells, _cell(row, Source.BATCH), _of_segment(log, segment))
    return cells


def _of_segment(log: OpenLog, segment: Segment) -> Counts:
    facts, total = segment.facts, sum_of_probabilities(log, segment)
    at = np.array([segment.row.at])
    return {
        "decisions": np.array([facts.decisions[str(name)] for name in DECISIONS]),
        "scores": np.array(facts.scores),
        "known": np.array([0 if total is None else facts.rows]),
        "sum": np.array([total or 0.0]),
        "refused": np.array([facts.quarantined]),
        FIRST: at,
        LAST: at,
    }


def _count_shadows(log: OpenLog, block: Block) -> Cells:
    """Return how many decisions a shadow scored, how often it decided the same, and by how much its P(bad) is above."""
    shadows = block.of_kind(Kind.SHADOW)
    decided = _decided(log, sorted({row.about for row in shadows}))
    cells: Cells = {}
    for row in shadows:
        if (champion := decided.get(row.about)) is not None:
            counts = {
                "decisions": np.array([1]),
                "same": np.array([int(row.decision == champion.decision)]),
                "difference": np.array([row.probability - champion.probability]),
            }
            add(cells, Cell(Of.SHADOW, day_of(row.at), row.model), counts)
    return cells


def _decided(log: OpenLog, abouts: Sequence[str]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    columns = (ENTRIES.c.about, ENTRIES.c.decision, ENTRIES.c.probability)
    query = select(*columns).where(ENTRIES.c.kind == str(Kind.DECISION), ENTRIES.c.use_case == log.use_case)
    for start in range(0, len(abouts), _ABOUTS_AT_ONCE):
        some = query.where(ENTRIES.c.about.in_(abouts[start : start + _ABOUTS_AT_ONCE]))
        found |= {row.about: row for row in log.connection.execute(some)}
    return found


def _by_cell(rows: Iterable[Any]) -> Mapping[Cell, list[Any]]:
    grouped: dict[tuple[int, str, str], list[Any]] = defaultdict(list)
    for row in rows:
        grouped[day_of(row.at), row.model, row.policy].append(row)
    return {Cell(Of.DECISIONS, *versions, Source.ONLINE): some for versions, some in grouped.items()}


def _cell(row: Any, source: Source) -> Cell:
    return Cell(Of.DECISIONS, day_of(row.at), row.model, row.policy, source)


_COUNTED: tuple[Callable[[OpenLog, Block], Cells], ...] = (
    _count_decisions,
    _count_refusals,
    _count_segments,
    count_outcomes,
    _count_shadows,
)
