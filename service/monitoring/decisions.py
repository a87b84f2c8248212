"""What was decided and refused, and what a shadow said, counted by day and by what decided.

The database adds up: of a thousand entries it gives a few dozen rows, and no other thread waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, and_, case, func, literal_column, select

from service.decision_log.entries import Kind
from service.decision_log.segments.segment import Segment
from service.decision_log.tables import ENTRIES
from service.monitoring.cells import (
    FIRST,
    LAST,
    MICROSECONDS_A_DAY,
    Cell,
    Cells,
    Counts,
    Of,
    Source,
    add,
    added,
    day_of,
)
from service.monitoring.outcomes import count_outcomes
from service.monitoring.segment_files import registered_in, sum_of_probabilities
from service.monitoring.unread import Block, OpenLog, is_of
from service.scoring.policy import DECISIONS
from service.scoring.profile import SCORE_BORDERS

_CODES = {str(decision): code for code, decision in enumerate(DECISIONS)}
_DAY = ENTRIES.c.at // literal_column(str(MICROSECONDS_A_DAY), BigInteger)
_BELOW = " ".join(
    f"WHEN entries.probability < {border!r} THEN {place}" for place, border in enumerate(SCORE_BORDERS)
)
# Spelt out: PostgreSQL takes a value that is bound twice for two.
_BIN: Any = literal_column(f"CASE {_BELOW} ELSE {len(SCORE_BORDERS)} END")


class DecisionsRollup:
    """Counts everything but the inputs, whatever model decided."""

    # The number is this way of counting: with another one everything is counted anew.
    name = "decisions:1"

    def count(self, block: Block) -> Cells:
        """Return what a block's entries come to."""
        return added(count(block) for count in _COUNTED)


def _count_decisions(block: Block) -> Cells:
    """Return decisions (approve, refer, decline), their scores between the profile's borders, and the sum of P(bad)."""
    groups = (_DAY, ENTRIES.c.model, ENTRIES.c.policy, ENTRIES.c.decision, _BIN)
    sums = (func.sum(ENTRIES.c.probability), func.min(ENTRIES.c.at), func.max(ENTRIES.c.at))
    query = select(*groups, func.count(), *sums).where(*block.of_kind(Kind.DECISION)).group_by(*groups)
    cells: Cells = {}
    for day, model, policy, decision, score, count, total, first, last in block.log.connection.execute(query):
        counts = {
            "decisions": _at(_CODES[decision], len(DECISIONS), count),
            "scores": _at(score, len(SCORE_BORDERS) + 1, count),
            # The sum is of so many: of batch runs it may not be known.
            "known": np.array([count]),
            "sum": np.array([total]),
            FIRST: np.array([first]),
            LAST: np.array([last]),
        }
        add(cells, Cell(Of.DECISIONS, day, model, policy, Source.ONLINE), counts)
    return cells


def _at(place: int, length: int, count: int) -> Any:
    counts = np.zeros(length, np.int64)
    counts[place] = count
    return counts


def _count_refusals(block: Block) -> Cells:
    groups = (_DAY, ENTRIES.c.model, ENTRIES.c.policy)
    query = select(*groups, func.count()).where(*block.of_kind(Kind.REFUSAL)).group_by(*groups)
    return {
        Cell(Of.DECISIONS, day, model, policy, Source.ONLINE): {"refused": np.array([count])}
        for day, model, policy, count in block.log.connection.execute(query)
    }


def _count_segments(block: Block) -> Cells:
    return {
        Cell(Of.DECISIONS, day_of(row.at), row.model, row.policy, Source.BATCH): _of_segment(
            block.log, segment
        )
        for segment in registered_in(block)
        for row in [segment.row]
    }


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


def _count_shadows(block: Block) -> Cells:
    """Return how many decisions a shadow scored, how often it decided the same, and by how much its P(bad) is above."""
    champion = ENTRIES.alias("champion")
    is_its = and_(champion.c.about == ENTRIES.c.about, champion.c.kind == str(Kind.DECISION))
    same = func.sum(case((champion.c.decision == ENTRIES.c.decision, 1), else_=0))
    difference = func.sum(ENTRIES.c.probability - champion.c.probability)
    groups = (_DAY, ENTRIES.c.model)
    query = select(*groups, func.count(), same, difference).join_from(ENTRIES, champion, is_its)
    query = query.where(*block.of_kind(Kind.SHADOW), is_of(champion, block.log.use_case)).group_by(*groups)
    return {
        Cell(Of.SHADOW, day, model): {
            name: np.array([value])
            for name, value in zip(("decisions", "same", "difference"), counts, strict=True)
        }
        for day, model, *counts in block.log.connection.execute(query)
    }


_COUNTED: tuple[Callable[[Block], Cells], ...] = (
    _count_decisions,
    _count_refusals,
    _count_segments,
    count_outcomes,
    _count_shadows,
)
