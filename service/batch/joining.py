"""Makes one file of the parts of a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from service.batch.part_files import QUARANTINE, SCORES
from service.batch.quarantine import quarantine_schema
from service.batch.state import State, part_file
from service.batch.whole import Whole
from service.batch.writing import durable, header_of, parquet_writer

# Read as they were written: few values, each many times.
_REPEATED = frozenset({"file", "decision", "model", "policy", "contract"})


def join(whole: Whole, kind: str, state: State, path: Path) -> None:
    """Write all files of a kind, one after the other, to a new file."""
    with durable(path) as joined:
        if kind == SCORES and whole.plan.ending == ".parquet":
            _join_parquet(_fetched(whole, kind, state), joined)
        else:
            _join_text(whole, kind, state, joined)


def _join_text(whole: Whole, kind: str, state: State, joined: BinaryIO) -> None:
    refused = len(header_of(".csv", quarantine_schema(several=whole.plan.several)))
    for count, (path, header) in enumerate(_fetched(whole, kind, state)):
        with path.open("rb") as file:
            if count:
                file.seek(refused if kind == QUARANTINE else header)
            shutil.copyfileobj(file, joined, 2**20)


def _join_parquet(parts: Iterator[tuple[Path, int]], joined: BinaryIO) -> None:
    with ExitStack() as stack:
        write = None
        for path, _ in parts:
            repeated = _REPEATED.intersection(pq.read_schema(path).names)
            file = stack.enter_context(pq.ParquetFile(path, read_dictionary=sorted(repeated)))
            write = write or stack.enter_context(parquet_writer(joined, file.schema_arrow))
            for group in range(file.num_row_groups):
                write(file.read_row_group(group))


def _fetched(whole: Whole, kind: str, state: State) -> Iterator[tuple[Path, int]]:
    """Yield the path of each part's file, to be read before the next, and the bytes of its header."""
    for index, number, part in whole.parts:
        if kind not in part.files:
            continue
        item = state.place.find(state.path(part_file(index, number, kind)))
        if item is None:
            raise state.damaged(part_file(index, number, kind))
        with state.place.fetched(item) as path:
            yield path, part.header
