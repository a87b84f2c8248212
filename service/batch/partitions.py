"""Columns whose value stands in the names of a file's folders: `month=2026-11/region=north/x.parquet`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from service.batch.records import Records
from service.errors import UnreadableInput
from service.places.pattern import NO_VALUE
from service.scoring.contract import Column, Contract
from service.scoring.findings import quote
from service.scoring.readers import from_text


def with_partitions(
    name: str, records: Records, contract: Contract, partitions: Mapping[str, str]
) -> Records:
    """Return the records with a column of one value for each folder that the contract has a column for.

    A block that has only nulls in such a column of its own takes the folder's value too, as JSON Lines that leave it
    out have. Raises `UnreadableInput` in a block that has another value there.
    """
    wanted = {
        column: _Folder(contract.by_name[column], value, text=records.text)
        for column, value in partitions.items()
        if column in contract.by_name
    }
    schema = records.schema
    for column, folder in wanted.items():
        if column not in schema.names:
            schema = schema.append(pa.field(column, folder.constant.type))
    blocks = (_with_folders(name, block, wanted) for block in records.blocks)
    return replace(records, schema=schema, blocks=blocks) if wanted else records


class _Folder:
    """What a folder says of a column; `text` says that the file's cells are text that may stand for numbers."""

    def __init__(self, column: Column, value: str, *, text: bool) -> None:
        self.column, self.value = column, value
        null = value in (NO_VALUE, "") or value in column.missing_markers
        self.meaning = None if null else from_text(column, value)
        self.constant = pa.scalar(
            value if text and not null else self.meaning, pa.string() if text or null else None
        )

    def agrees(self, seen: Any) -> bool:
        """Whether a cell of the file says the same."""
        meant = from_text(self.column, seen) if isinstance(seen, str) else seen
        return seen is not None and (str(seen) == self.value or meant == self.meaning)


def _with_folders(name: str, block: pa.Table, folders: Mapping[str, _Folder]) -> pa.Table:
    columns = dict(zip(block.column_names, block.columns, strict=True))
    for column, folder in folders.items():
        if column in columns and columns[column].null_count < block.num_rows:
            _expect_agreement(name, folder, columns[column])
        else:
            columns[column] = pa.chunked_array([pa.repeat(folder.constant, block.num_rows)])
    return pa.table(columns)


def _expect_agreement(name: str, folder: _Folder, cells: pa.ChunkedArray) -> None:
    for seen in _distinct(cells):
        if not folder.agrees(seen):
            raise UnreadableInput(
                f"{name}: {folder.column.name} is {folder.value!r} by the name of its folder, "
                f"and {quote(seen)} in the file"
            )


def _distinct(cells: pa.ChunkedArray) -> list[Any]:
    try:
        return pc.unique(cells).to_pylist()  # type: ignore[no-any-return]
    except pa.ArrowNotImplementedError:
        return cells.to_pylist()  # type: ignore[no-any-return]
