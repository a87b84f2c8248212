"""Columns whose value stands in the names of a file's folders: `month=2026-11/region=north/x.parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.batch.records import Records
from service.errors import UnreadableInput
from service.scoring.contract import Column, Contract
from service.scoring.readers import from_text

# What Hive, Spark and Arrow write for null.
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


def with_partitions(
    name: str, records: Records, contract: Contract, partitions: Mapping[str, str]
) -> Records:
    """Return the records with a column of one value for each folder that the contract has a column for.

    Raises `UnreadableInput` in a block where the file has such a column and another value in it.
    """
    wanted = {column: value for column, value in partitions.items() if column in contract.by_name}
    if not wanted:
        return records
    constants = {
        column: _constant(contract.by_name[column], value, text=records.text)
        for column, value in wanted.items()
        if column not in records.schema.names
    }
    stated = {column: wanted[column] for column in wanted if column in records.schema.names}
    schema = records.schema
    for column, value in constants.items():
        schema = schema.append(pa.field(column, value.type))
    return replace(records, schema=schema, blocks=_blocks(name, records.blocks, constants, contract, stated))


def _blocks(
    name: str,
    blocks: Iterator[pa.Table],
    constants: Mapping[str, pa.Scalar],
    contract: Contract,
    stated: Mapping[str, str],
) -> Iterator[pa.Table]:
    for block in blocks:
        for column, value in stated.items():
            _expect_stated(name, contract.by_name[column], block.column(column), value)
        added = [pa.chunked_array([pa.repeat(value, block.num_rows)]) for value in constants.values()]
        yield pa.Table.from_arrays([*block.columns, *added], names=[*block.column_names, *constants])


def _constant(column: Column, value: str, *, text: bool) -> pa.Scalar:
    meaning = _meaning(column, value)
    if text or meaning is None:
        return pa.scalar(None if meaning is None else value, pa.string())
    return pa.scalar(meaning)


def _meaning(column: Column, value: str) -> Any:
    return None if value == NULL_PARTITION or value in column.missing_markers else from_text(column, value)


def _expect_stated(name: str, column: Column, cells: pa.ChunkedArray, value: str) -> None:
    meaning = _meaning(column, value)
    for seen in _distinct(cells):
        known = from_text(column, seen) if isinstance(seen, str) and seen != value else seen
        if known not in (value, meaning) and str(seen) != value:
            raise UnreadableInput(
                f"{name}: {column.name} is {value!r} by the name of its folder, and {seen!r} in the file"
            )


def _distinct(cells: pa.ChunkedArray) -> list[Any]:
    try:
        return pc.unique(cells).to_pylist()  # type: ignore[no-any-return]
    except pa.ArrowNotImplementedError:
        return cells.to_pylist()  # type: ignore[no-any-return]
