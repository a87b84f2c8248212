"""One block of a batch run as its segment holds it: the answers, and the records that they were made from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from service.decision_log.entries import Part
from service.decision_log.segments.answers import DECISION, PROBABILITY, REASONS, ROW, decision_names
from service.scoring.contract import Column, Contract
from service.scoring.scorer import ScoredTable, Scorer

# Before the name of each column of a record: by them its parts are erased apart.
PREFIXES = {Part.INPUTS: "inputs.", Part.PERSONAL: "personal."}


def segment_table(
    scorer: Scorer, block: pa.Table, scored: ScoredTable, first_row: int, reasons: pa.Array | None = None
) -> pa.Table:
    """Return the scored rows of a block, of which the first is row `first_row` of its input.

    Columns: `row`, `probability`, `decision`; `reasons` (codes joined by `;`, or null) where these were computed, one
    for each scored row; then the columns of the contract that the block has, as they were read, with `inputs.` or
    `personal.` before their names.
    """
    valid = np.flatnonzero(scored.valid)
    whole = len(valid) == block.num_rows
    taken = None if whole else pa.array(valid)
    codes = pa.array(scored.decisions if whole else scored.decisions[valid])
    columns = {
        ROW: pa.array(valid + first_row),
        PROBABILITY: pa.array(scored.probabilities if whole else scored.probabilities[valid]),
        DECISION: pa.DictionaryArray.from_arrays(codes, decision_names()),
    }
    if reasons is not None:
        columns[REASONS] = reasons
    for column in _in_parts(scorer.contract):
        if column.name in block.column_names:
            cells = block.column(column.name)
            columns[column_name(column, scorer.contract)] = _kept(cells, taken)
    return pa.table(columns)


def column_name(column: Column, contract: Contract) -> str:
    """Return what a column of the contract is called in a segment."""
    part = Part.INPUTS if column.name in contract.feature_names else Part.PERSONAL
    return PREFIXES[part] + column.name


def part_of(name: str) -> Part | None:
    """Return which part of a record a segment's column belongs to, None for one of the answers."""
    return next((part for part, prefix in PREFIXES.items() if name.startswith(prefix)), None)


def parts_in(schema: pa.Schema) -> tuple[Part, ...]:
    """Return the parts of which a segment has any column."""
    found = {part_of(name) for name in schema.names}
    return tuple(part for part in Part if part in found)


def records(table: pa.Table) -> pa.Table:
    """Return the records of a segment's rows, their columns called as the contract calls them."""
    kept = {name: part for name in table.column_names if (part := part_of(name)) is not None}
    return table.select(list(kept)).rename_columns(
        [name.removeprefix(PREFIXES[part]) for name, part in kept.items()]
    )


def _in_parts(contract: Contract) -> list[Column]:
    """Return the columns of a contract, the features first."""
    return sorted(contract.columns, key=lambda column: column.name not in contract.feature_names)


def _kept(cells: pa.ChunkedArray, taken: pa.Array | None) -> pa.ChunkedArray:
    if any(test(cells.type) for test in _OF_NO_VALUE):
        # The contract accepts none of their values, and Parquet not all of them: in what was scored they are null.
        return pa.chunked_array([pa.nulls(len(cells) if taken is None else len(taken))])
    if pa.types.is_dictionary(cells.type):
        # A dictionary is written as a whole, also the values that no row has any more, which could not be erased.
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_string_view(cells.type):
        cells = cells.cast(pa.large_string())
    return cells if taken is None else cells.take(taken)


_OF_NO_VALUE: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_nested,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
    pa.types.is_time,
    pa.types.is_duration,
    pa.types.is_interval,
)
