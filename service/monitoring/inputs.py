"""The model's inputs, counted by day in the bins of a bundle's own profile, whatever model decided on them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.decision_log.entries import Kind, Part
from service.decision_log.segments.answers import row_numbers
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Segment
from service.decision_log.segments.table import records
from service.monitoring.cells import Cell, Cells, Counts, Of, Source, add, day_of
from service.monitoring.segment_files import find_segment, of_file
from service.monitoring.unread import Block, OpenLog
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Contract
from service.scoring.profile import Distribution
from service.scoring.scorer import Scorer
from service.scoring.validation import CheckedTable


class InputsRollup:
    """Counts the inputs of every decision in the bins of one bundle's profile, by that bundle's contract.

    With another champion everything is counted anew, in its bins. A value that the contract refuses, because the record
    was decided under another one, is not counted, nor is what was erased; what was counted before an erasure stays.
    """

    kinds = (Kind.DECISION, Kind.SEGMENT)

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        contract = scorer.contract
        self._columns = _columns(contract)
        self._sources = {column.name: (column.name,) for column in contract.features} | {
            item.name: item.of for item in contract.derived
        }
        self.name = f"inputs:1:{scorer.version}"
        # A time stands in the personal part, and an input may be its hour.
        personal = any(column.name not in contract.feature_names for column in self._columns)
        self.parts = tuple(Part) if personal else (Part.INPUTS,)

    def count(self, log: OpenLog, block: Block) -> Cells:
        """Return what the records of a block's decisions come to."""
        cells: Cells = {}
        by_day: dict[int, list[Any]] = defaultdict(list)
        for row in block.of_kind(Kind.DECISION):
            if not any(_is_erased(row, part) for part in self.parts):
                by_day[day_of(row.at)].append(row)
        for day, rows in by_day.items():
            add(cells, Cell(Of.INPUTS, day, source=Source.ONLINE), self._of_rows(rows))
        for row in block.of_kind(Kind.SEGMENT):
            segment = find_segment(log, row.about)
            if segment is not None and (segment.row.writer, segment.row.seq) == (block.writer, row.seq):
                of_file(log, segment, lambda now, path: self._add_segment(cells, now, path))
        return cells

    def _of_rows(self, rows: Sequence[Any]) -> Counts:
        bodies = [{name: value for part in self.parts for name, value in _parsed(row, part)} for row in rows]
        table = {
            column.name: _cells([body.get(column.name) for body in bodies], column)
            for column in self._columns
        }
        return self._of_table(pa.table(table), text=False)

    def _add_segment(self, cells: Cells, segment: Segment, path: Path) -> None:
        found: Cells = {}
        for block in blocks(path):
            there = block if (gone := self._erased(segment, block)) is None else block.filter(pa.array(~gone))
            cell = Cell(Of.INPUTS, day_of(segment.row.at), source=Source.BATCH)
            add(found, cell, self._of_table(records(there), text=segment.facts.heading.text))
        for cell, counts in found.items():
            add(cells, cell, counts)

    def _erased(self, segment: Segment, block: pa.Table) -> npt.NDArray[np.bool_] | None:
        """Return which rows of a block have lost something that is counted; None for none of them."""
        lost = [segment.erased[part] for part in self.parts if part in segment.erased]
        if not lost:
            return None
        numbers = row_numbers(block)
        every = np.ones(len(numbers), np.bool_)
        return np.any([every if rows is None else np.isin(numbers, list(rows)) for rows in lost], axis=0)  # type: ignore[no-any-return]

    def _of_table(self, table: pa.Table, *, text: bool) -> Counts:
        there = {
            column.name: table.column(column.name)
            if column.name in table.column_names
            else pa.nulls(table.num_rows)
            for column in self._columns
        }
        checked = self._scorer.validator.check_table(pa.table(there), text=text)
        matrix = self._scorer.encoder.encode_table(checked.values)
        refused = _refused(checked)
        counts = {}
        for place, name in enumerate(self._scorer.contract.inputs):
            wrong = [refused[one] for one in self._sources[name] if one in refused]
            values = matrix[~np.any(wrong, axis=0), place] if wrong else matrix[:, place]
            counts[name] = counts_in(self._scorer.profile.inputs[name], values)
        return counts


def counts_in(distribution: Distribution, values: FloatArray) -> npt.NDArray[np.int64]:
    """Return how many values (rows,) lie in each bin of a distribution, and behind these how many are null (NaN)."""
    present = values[~np.isnan(values)]
    bins = len(distribution.counts)
    # Levels have no borders: they are their own bins.
    leveled = len(distribution.borders) + 1 != bins
    places = (
        present.astype(np.intp)
        if leveled
        else np.searchsorted(np.array(distribution.borders), present, "right")
    )
    return np.append(np.bincount(places, minlength=bins), len(values) - len(present))


def _refused(checked: CheckedTable) -> Mapping[str, npt.NDArray[np.bool_]]:
    refused: dict[str, npt.NDArray[np.bool_]] = {}
    for item in checked.refused:
        rows = refused.setdefault(item.column.name, np.zeros(checked.rows, np.bool_))
        rows[item.rows] = True
    return refused


def _columns(contract: Contract) -> list[Column]:
    derived_from = {name for item in contract.derived for name in item.of}
    return [column for column in contract.columns if column.name in contract.feature_names | derived_from]


def _is_erased(row: Any, part: Part) -> bool:
    return row._mapping[f"{part}_had"] and row._mapping[str(part)] is None


def _parsed(row: Any, part: Part) -> Any:
    return json.loads(row._mapping[str(part)] or "{}").items()


def _cells(values: list[Any], column: Column) -> pa.Array:
    try:
        return pa.array(values, _type_of(column))
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        # Of another contract, under which the column held something else: it is refused, value by value.
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _type_of(column: Column) -> pa.DataType:
    if column.is_numeric or any(isinstance(level, int) for level in column.levels):
        return pa.float64()
    return pa.bool_() if column.type is ColumnType.BOOLEAN else pa.string()
