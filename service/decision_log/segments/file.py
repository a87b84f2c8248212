"""The file of a segment: Parquet, a group of rows for each block, and who it is in its metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from service.decision_log.entries import Part, canonical
from service.decision_log.segments.answers import (
    REASONS,
    ROW,
    Answers,
    decision_codes,
    probabilities,
    row_numbers,
)
from service.decision_log.segments.by_row import NONE, pack
from service.decision_log.segments.facts import Heading, SegmentFacts
from service.decision_log.segments.table import parts_in
from service.places.file_facts import FileFacts
from service.scoring.policy import DECISIONS
from service.scoring.profile import SCORE_BORDERS, score_counts

KEY = b"aval.segment"
_TEXT = (pa.types.is_dictionary, pa.types.is_string, pa.types.is_large_string)


def segment_metadata(
    heading: Heading, rows: int, erased: Mapping[Part, list[int] | None] | None = None
) -> dict[bytes, bytes]:
    """Return what the file says of itself: its heading, how many rows, and which of their parts were erased.

    erased: numbers of rows by part, None for all of them.
    """
    told = {str(part): numbers for part, numbers in (erased or {}).items()}
    return {KEY: canonical({**asdict(heading), "rows": rows, "erased": told}).encode()}


class SegmentWriter:
    """Writes a segment block by block, and then knows what there is to say of it."""

    def __init__(self, path: Path, heading: Heading, schema: pa.Schema) -> None:
        """Open a file for tables of this schema, which `segment_table` gives also for a block of no rows."""
        self._path, self._heading, self._schema = path, heading, schema
        self._writer = open_writer(path, schema)
        self._answers = Answers()
        self._rows: list[Any] = []
        self._codes: list[Any] = []
        self._scores = np.zeros(len(SCORE_BORDERS) + 1, np.int64)

    def write(self, table: pa.Table) -> None:
        """Write what `segment_table` made of the next block."""
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._answers.add(table)
        self._rows.append(row_numbers(table))
        self._codes.append(decision_codes(table).astype(np.uint8))
        self._scores += score_counts(probabilities(table))

    def close(self, rows_in: int) -> SegmentFacts:
        """Finish the file and describe it; rows_in: how many rows of the input it is about, the refused included."""
        rows = sum(map(len, self._rows))
        self._writer.add_key_value_metadata(segment_metadata(self._heading, rows))
        self._writer.close()
        codes = self._all_codes(rows_in)
        counts = np.bincount(codes, minlength=NONE + 1).tolist()
        file = FileFacts.of(self._path)
        return SegmentFacts(
            heading=self._heading,
            sha256=file.sha256,
            size=file.size,
            rows=rows,
            quarantined=rows_in - rows,
            decisions={str(name): counts[code] for code, name in enumerate(DECISIONS)},
            scores=self._scores.tolist(),
            reasons=REASONS in self._schema.names,
            parts=[str(part) for part in parts_in(self._schema)],
            answers=self._answers.hexdigest(),
            by_row=pack(codes),
        )

    def abandon(self) -> None:
        """Close the file, which is worth nothing then."""
        self._writer.close()

    def _all_codes(self, rows_in: int) -> Any:
        codes = np.full(rows_in, NONE, np.uint8)
        for rows, decisions in zip(self._rows, self._codes, strict=True):
            codes[rows - self._heading.first_row] = decisions
        return codes


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Open a file of segments; the same tables come to the same bytes in it."""
    texts = [field.name for field in schema if any(test(field.type) for test in _TEXT)]
    return pq.ParquetWriter(
        path,
        schema.remove_metadata(),
        compression="zstd",
        compression_level=1,
        use_dictionary=texts,
        # Of the others nobody asks for the extremes, which would be values of somebody's record.
        write_statistics=[ROW],
    )


def blocks(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the groups of rows of a segment, of which one is in memory at a time."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            yield file.read_row_group(group, columns=columns)


def told(path: Path) -> dict[str, Any]:
    """Return what the file says of itself; `{}` where it says nothing."""
    metadata = pq.read_metadata(path).metadata or {}
    body = json.loads(metadata.get(KEY, b"{}"))
    return body if isinstance(body, dict) else {}
