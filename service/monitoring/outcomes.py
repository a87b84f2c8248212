"""Outcomes counted with the decisions that they are of: a correction takes the place of what was told before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import select

from service.decision_log.chain import Row
from service.decision_log.entries import Kind
from service.decision_log.reading import parsed_details
from service.decision_log.segments.decisions import batch_id
from service.decision_log.tables import ENTRIES
from service.monitoring.cells import Cell, Cells, Of, Source, add, day_of
from service.monitoring.rollups import Seqs
from service.monitoring.score_bins import UNKNOWN, bins_of
from service.monitoring.segment_files import find_segment, probabilities_of
from service.monitoring.unread import Block, OpenLog, is_of


@dataclass(frozen=True, slots=True)
class _Told:
    """What was told of a decision, and by which entry of the log."""

    correction: int
    bad: bool
    writer: str
    seq: int


@dataclass(slots=True)
class _Decision:
    """A decision and all that was ever told of it; probability: NaN where it is not known."""

    cell: Cell | None = None
    probability: float = float("nan")
    told: list[_Told] = field(default_factory=list)

    def bad(self, counted: Seqs) -> bool | None:
        """Return the latest outcome among the entries that are counted; None where there is none."""
        there = [one for one in self.told if one.seq <= counted.get(one.writer, 0)]
        return max(there, key=lambda one: one.correction).bad if there else None


def count_outcomes(block: Block) -> Cells:
    """Return what the outcomes of a block change, by the day of the decisions that they are of.

    For each bin of P(bad): how many were `told`, how many of these are `bad`, and the sums of the probability, of its
    square, and of its squared difference from the outcome (the Brier score's).
    """
    decisions = _decisions(block)
    _complete_batch(block.log, decisions)
    by_cell: dict[Cell, list[_Decision]] = defaultdict(list)
    for decision in decisions.values():
        if decision.cell is not None:
            by_cell[decision.cell].append(decision)
    cells: Cells = {}
    for cell, some in by_cell.items():
        add(cells, cell, _counts(some, block.before, -1))
        add(cells, cell, _counts(some, block.behind, 1))
    return cells


def _counts(decisions: Sequence[_Decision], counted: Seqs, sign: int) -> dict[str, Any]:
    told = [(item.probability, known) for item in decisions if (known := item.bad(counted)) is not None]
    probabilities = np.array([probability for probability, _ in told], np.float64)
    bad = np.array([known for _, known in told], np.int64)
    bins, p = bins_of(probabilities), np.nan_to_num(probabilities)
    values = {
        "told": np.ones(len(told)),
        "bad": bad,
        "sum": p,
        "square": p**2,
        "brier": np.nan_to_num((probabilities - bad) ** 2),
    }
    return {name: sign * np.bincount(bins, one, UNKNOWN + 1) for name, one in values.items()}


def _decisions(block: Block) -> dict[str, _Decision]:
    """Return the decisions that a block tells outcomes of, by their ids, with all that was ever told of them."""
    told = select(ENTRIES.c.about).where(*block.of_kind(Kind.OUTCOME)).distinct().subquery()
    said = ENTRIES.alias("said")
    names = ("about", "kind", "writer", "seq", "at", "probability", "model", "policy", "details")
    kinds = [str(Kind.DECISION), str(Kind.OUTCOME)]
    query = select(*(said.c[name] for name in names)).join_from(told, said, said.c.about == told.c.about)
    query = query.where(said.c.kind.in_(kinds), is_of(said, block.log.use_case))
    found: dict[str, _Decision] = defaultdict(_Decision)
    for row in block.log.connection.execute(query):
        _take(found[row.about], row)
    return found


def _take(decision: _Decision, row: Any) -> None:
    if row.kind == Kind.DECISION:
        decision.cell = _cell(row, Source.ONLINE)
        decision.probability = row.probability
    else:
        details = parsed_details(row.details)
        decision.told.append(_Told(details["correction"], details["bad"], row.writer, row.seq))


def _complete_batch(log: OpenLog, decisions: dict[str, _Decision]) -> None:
    """Find what batch runs decided: the log has their versions, and their files the probabilities."""
    rows: dict[str, dict[int, _Decision]] = {}
    for about, decision in decisions.items():
        named = batch_id(about)
        if named is not None and decision.cell is None:
            rows.setdefault(named[0], {})[named[1]] = decision
    for id_, wanted in rows.items():
        segment = find_segment(log, id_)
        if segment is None:
            continue
        numbers = np.array(sorted(wanted))
        for number, probability in zip(numbers, probabilities_of(log, segment, numbers), strict=True):
            wanted[int(number)].cell = _cell(segment.row, Source.BATCH)
            wanted[int(number)].probability = float(probability)


def _cell(row: Row | Any, source: Source) -> Cell:
    return Cell(Of.OUTCOMES, day_of(row.at), row.model, row.policy, source)
