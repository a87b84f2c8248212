"""JSON Lines as records: one object on each line. A field that is left out is null; blank lines are no records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.batch.dialect import Dialect
from service.batch.json_cells import answered_type, json_column
from service.batch.json_text import Cells, Lines, fields_of, first_with, json_lines, line_refused
from service.batch.records import MOST_BLOCK_BYTES, Records, rows_per_block, too_large
from service.batch.text_stream import Source, opened_text
from service.scoring.contract import Contract
from service.scoring.findings import unknown_field


@contextmanager
def jsonl_records(
    source: Source, contract: Contract, asked: Dialect, skip: int, *, gzipped: bool = False
) -> Iterator[Records]:
    """Open a JSON Lines file, without its first `skip` records; raises `UnreadableInput`, with the line.

    It has every column of the contract, and of the columns that nobody looks at those that its beginning has.
    """
    with opened_text(source, contract, gzipped=gzipped, encoding=asked.encoding) as text:
        schema = _schema(contract, text.sample)
        length = rows_per_block(len(schema))
        lines = _after(json_lines(source.name, text), skip)
        yield Records(
            schema,
            _File(source.name, contract, schema).blocks(lines, length),
            text=False,
            rows_per_block=length,
            dialect_found=", ".join(text.words),
        )


def _schema(contract: Contract, sample: str) -> pa.Schema:
    others = [name for name in (*contract.ignored, contract.outcome.name) if _has_field(sample, name)]
    columns = {column.name: answered_type(column) for column in contract.columns}
    return pa.schema(columns | dict.fromkeys(others, answered_type(None)))


def _has_field(sample: str, name: str) -> bool:
    written = {re.escape(json.dumps(name, ensure_ascii=ascii_only)) for ascii_only in (True, False)}
    return re.search(rf"({'|'.join(sorted(written))})\s*:", sample) is not None


@dataclass(frozen=True)
class _File:
    name: str
    contract: Contract
    schema: pa.Schema

    def blocks(self, pieces: Iterator[Lines], length: int) -> Iterator[pa.Table]:
        block, size = self._new_block(), 0
        for piece in pieces:
            rest = piece
            while rest.texts:
                lines, rest = rest.split(length - len(block[0]))
                size += sum(map(len, lines.texts))
                if size > MOST_BLOCK_BYTES:
                    raise too_large(self.name, length)
                for held, found in zip(block, self._columns(lines), strict=True):
                    held.extend(found)
                if len(block[0]) == length:
                    yield self._table(block)
                    block, size = self._new_block(), 0
        if block[0]:
            yield self._table(block)

    def _new_block(self) -> list[list[Any]]:
        return [[] for _ in self.schema]

    def _table(self, block: list[list[Any]]) -> pa.Table:
        arrays = [json_column(cells, kind) for cells, kind in zip(block, self.schema.types, strict=True)]
        return pa.Table.from_arrays(arrays, names=self.schema.names)

    def _columns(self, lines: Lines) -> list[Cells]:
        """The cells of each column of the schema."""
        found = fields_of(self.name, lines)
        known = {*self.schema.names, *self.contract.ignored, self.contract.outcome.name}
        if unknown := sorted(found.keys() - known):
            number = first_with(self.name, lines, unknown[0])
            raise line_refused(
                self.name, number, f"cannot be read: {unknown_field(self.contract, unknown[0]).message}"
            )
        nulls = (None,) * len(lines.texts)
        return [found.get(name, nulls) for name in self.schema.names]


def _after(pieces: Iterator[Lines], skip: int) -> Iterator[Lines]:
    """The lines but for the first so many."""
    for piece in pieces:
        left_out, rest = piece.split(skip)
        skip -= len(left_out.texts)
        yield rest
