"""The model's inputs, counted by day in the bins of a bundle's own profile, whatever model decided on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Select, and_, select

from service.decision_log.entries import Kind, Part
from service.decision_log.json_columns import json_columns
from service.decision_log.segments.answers import row_numbers
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Segment
from service.decision_log.segments.table import records
from service.decision_log.tables import ENTRIES, RECORDS
from service.monitoring.cells import MICROSECONDS_A_DAY, Cell, Cells, Of, Source, add, added, day_of
from service.monitoring.segment_files import of_file, registered_in
from service.monitoring.unread import Block
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Contract
from service.scoring.profile import Distribution
from service.scoring.scorer import Scorer
from service.scoring.validation import CheckedTable

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class InputsRollup:
    """Counts the inputs of every decision in the bins of one bundle's profile, by that bundle's contract.

    With another champion everything is counted anew, in its bins. A value that the contract refuses, because the record
    was decided under another one, is not counted, nor is what was erased; what was counted before an erasure stays.
    """

    def __init__(self, scorer: Scorer) -> None:
        # The number is this way of counting: with another one everything is counted anew.
        self.name = f"inputs:1:{scorer.version}"
        self._scorer = scorer
        contract = scorer.contract
        self._sources = {name: (name,) for name in contract.feature_names} | {
            item.name: item.of for item in contract.derived
        }
        self._names = contract.feature_names.union(*self._sources.values())
        # A time stands in the personal part, and an input may be its hour.
        self._parts = tuple(Part) if self._names - contract.feature_names else (Part.INPUTS,)

    def count(self, block: Block) -> Cells:
        """Return what the records of a block's decisions come to."""
        cells = self._of_entries(block)
        for segment in registered_in(block):
            found = of_file(block.log, segment, self._of_segment)
            cells = added([cells, found or {}])
        return cells

    def _of_entries(self, block: Block) -> Cells:
        rows = block.log.connection.execute(_query(block, self._parts)).all()
        if not rows:
            return {}
        at, *bodies = zip(*rows, strict=True)
        table: dict[str, Any] = {}
        for part, texts in zip(self._parts, bodies[::2], strict=True):
            table |= json_columns(texts, _columns_of(part, self._names, self._scorer.contract))
        erased = [
            [had and text is None for text, had in zip(texts, there, strict=True)]
            for texts, there in zip(bodies[::2], bodies[1::2], strict=True)
        ]
        days = np.array(at, np.int64) // MICROSECONDS_A_DAY
        return self._counted(pa.table(table), days, ~np.any(erased, axis=0), text=False, source=Source.ONLINE)

    def _of_segment(self, segment: Segment, path: Path) -> Cells:
        count = partial(self._counted, text=segment.facts.heading.text, source=Source.BATCH)
        day = day_of(segment.row.at)
        return added(
            count(records(block), np.full(block.num_rows, day), self._kept(segment, block))
            for block in blocks(path)
        )

    def _kept(self, segment: Segment, block: pa.Table) -> Mask:
        """Return which rows of a block (rows,) have lost nothing that is counted."""
        numbers = row_numbers(block)
        kept = np.ones(len(numbers), np.bool_)
        for rows in (segment.erased[part] for part in self._parts if part in segment.erased):
            kept &= False if rows is None else ~np.isin(numbers, list(rows))
        return kept

    def _counted(self, table: pa.Table, days: Integers, kept: Mask, *, text: bool, source: Source) -> Cells:
        """Return the counts of a table by day; days, kept: (rows,)."""
        there = {
            name: table.column(name) if name in table.column_names else pa.nulls(table.num_rows)
            for name in sorted(self._names)
        }
        checked = self._scorer.validator.check_table(pa.table(there), text=text)
        matrix = self._scorer.encoder.encode_table(checked.values)
        refused = _refused(checked)
        some, places = np.unique(days, return_inverse=True)
        cells: Cells = {}
        for column, name in enumerate(self._scorer.contract.inputs):
            usable = np.all([kept, *(~refused[one] for one in self._sources[name] if one in refused)], axis=0)
            distribution = self._scorer.profile.inputs[name]
            counts = counts_in(distribution, matrix[usable, column], places[usable], len(some))
            for day, values in zip(some.tolist(), counts, strict=True):
                add(cells, Cell(Of.INPUTS, day, source=source), {name: values})
        return cells


def counts_in(distribution: Distribution, values: FloatArray, groups: Integers, number: int) -> Integers:
    """Return how many values (rows,) of each group lie in each bin of a distribution: (number, bins + 1).

    groups: of each row, counted from 0. In the last column are nulls (NaN).
    """
    null = len(distribution.counts)
    # Levels have no borders: they are their own bins.
    leveled = len(distribution.borders) + 1 != null
    with np.errstate(invalid="ignore"):
        bins = values.astype(np.intp) if leveled else np.searchsorted(distribution.borders, values, "right")
    bins = np.where(np.isnan(values), null, bins)
    return np.bincount(groups * (null + 1) + bins, minlength=number * (null + 1)).reshape(number, null + 1)


def _query(block: Block, parts: Sequence[Part]) -> Select[Any]:
    """Return the query of the moment of a decision, and for each part its body and whether it was logged with one."""
    bodies: list[Any] = []
    joined: Any = ENTRIES
    for part in parts:
        table = RECORDS.alias(str(part))
        same = and_(table.c.writer == ENTRIES.c.writer, table.c.seq == ENTRIES.c.seq)
        joined = joined.outerjoin(table, and_(same, table.c.part == str(part)))
        bodies += [table.c.body, ENTRIES.c[f"{part}_digest"].is_not(None)]
    return select(ENTRIES.c.at, *bodies).select_from(joined).where(*block.of_kind(Kind.DECISION))


def _columns_of(part: Part, names: frozenset[str], contract: Contract) -> list[Any]:
    of_inputs = part is Part.INPUTS
    return [
        column
        for column in contract.columns
        if column.name in names and (column.name in contract.feature_names) == of_inputs
    ]


def _refused(checked: CheckedTable) -> dict[str, Mask]:
    """Return which rows (rows,) were refused, by column."""
    refused: dict[str, Mask] = {}
    for item in checked.refused:
        refused.setdefault(item.column.name, np.zeros(checked.rows, np.bool_))[item.rows] = True
    return refused
