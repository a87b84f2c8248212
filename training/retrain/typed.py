"""Logged records as tables of one form, whatever they were logged from: JSON, CSV files or Parquet files."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pyarrow as pa

from service.decision_log.decided import Decided
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Contract, Role
from service.scoring.validation import Validator
from training.data import Cases, Indices, Outcomes
from training.use_case import UseCase

_NUMBERS = {ColumnType.INTEGER: pa.int64(), ColumnType.BOOLEAN: pa.bool_()}
_HASH = re.compile("#[0-9a-f]{64}")


def schema_of(contract: Contract) -> pa.Schema:
    """Return the form: numbers, booleans and levels as such, ids and times as text."""
    return pa.schema([(column.name, _type_of(column)) for column in contract.columns])


def typed(block: Decided, rows: Indices, contract: Contract) -> tuple[pa.Table, Indices]:
    """Return the records at `rows` of a block in that form, and which of `rows` they are: what the contract refuses,
    or what has been erased, is left out.

    Raises `TableInvalid` where the records have columns that the contract does not know.
    """
    rows = rows[~block.erased[rows]]
    table = _complete(block.records.take(pa.array(rows)), contract)
    checked = Validator(contract).check_table(table, text=block.text)
    kept = np.flatnonzero(checked.valid)
    columns = [
        _column(column, table.column(column.name).take(pa.array(kept)), checked.values[column.name][kept])
        for column in contract.columns
    ]
    return pa.Table.from_arrays(columns, schema=schema_of(contract)), rows[kept]


def as_typed(cases: Cases) -> pa.Table:
    """Return past cases in that form, with their outcome; a column that they lack is null."""
    contract = cases.use_case.contract
    known = [column.name for column in contract.columns if column.name in cases.table.column_names]
    complete = _complete(cases.table.select(known), contract)
    columns = [complete.column(field.name).cast(field.type) for field in schema_of(contract)]
    table = pa.Table.from_arrays(columns, schema=schema_of(contract))
    return with_outcome(table, contract, cases.outcomes)


def with_outcome(table: pa.Table, contract: Contract, bad: Outcomes) -> pa.Table:
    """Return records with the outcome that says bad (rows,), in the contract's own coding."""
    outcome = contract.outcome
    coded = pa.DictionaryArray.from_arrays(pa.array(bad.astype(np.int32)), [outcome.good[0], outcome.bad[0]])
    return table.append_column(outcome.name, coded.dictionary_decode())


def without_ids(table: pa.Table, use_case: UseCase) -> pa.Table:
    """Return past cases without ids; what groups them, where a use case declares it, becomes a hash."""
    for column in use_case.contract.of_role(Role.ID):
        place, cells = table.column_names.index(column.name), table.column(column.name)
        kept = _hashed(cells) if column.name == use_case.group else pa.nulls(len(cells), cells.type)
        table = table.set_column(place, column.name, kept)
    return table


def _hashed(cells: pa.ChunkedArray) -> pa.Array:
    # Once: what a former retraining has kept is hashed already, and the same id must stay the same.
    found = [cell if cell is None or _HASH.fullmatch(cell) else _hash_of(cell) for cell in cells.to_pylist()]
    return pa.array(found, pa.string())


def _hash_of(text: str) -> str:
    return f"#{hashlib.sha256(text.encode()).hexdigest()}"


def _complete(table: pa.Table, contract: Contract) -> pa.Table:
    # A column in which nobody had a value is not there at all.
    for column in contract.columns:
        if column.name not in table.column_names:
            table = table.append_column(column.name, pa.nulls(table.num_rows))
    return table


def _type_of(column: Column) -> pa.DataType:
    if column.levels:
        return pa.string() if isinstance(column.levels[0], str) else pa.int64()
    if column.type in (ColumnType.TIME, ColumnType.ID):
        return pa.string()
    return _NUMBERS.get(column.type, pa.float64())


def _column(column: Column, cells: pa.ChunkedArray, values: FloatArray) -> pa.Array | pa.ChunkedArray:
    kind = _type_of(column)
    if column.type in (ColumnType.TIME, ColumnType.ID):
        return cells.cast(kind)
    numbers = pa.array(values, mask=np.isnan(values))
    if not column.levels:
        return numbers.cast(kind)
    levels = pa.DictionaryArray.from_arrays(numbers.cast(pa.int32()), pa.array(column.levels))
    return levels.dictionary_decode().cast(kind)
