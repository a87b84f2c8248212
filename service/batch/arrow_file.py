"""Arrow IPC as records, file or stream, in the types that it declares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from service.batch.dialect import Dialect
from service.batch.records import READ_ERRORS, Records, complaint, in_blocks, rows_per_block
from service.batch.text_stream import KeptOpen, Source
from service.errors import UnreadableInput
from service.scoring.contract import Contract

_FILE_MARK = b"ARROW1"
# How a stream ends; one that was cut short between two batches could not be told from a whole one otherwise.
_END = b"\xff\xff\xff\xff\0\0\0\0"
# Arrow reads a batch as a whole. A map of the file would not, but a mapped file that is cut ends its reader's process.
MOST_BATCH_BYTES = 2**28


@contextmanager
def arrow_records(source: Source, _: Contract, __: Dialect, skip: int) -> Iterator[Records]:
    """Open an Arrow file or stream, without its first `skip` records.

    Raises `UnreadableInput` when it is damaged, or a record batch takes more than `MOST_BATCH_BYTES`.
    """
    with _readable(source.name):
        content = source.content
        file = (
            pa.OSFile(str(content))
            if isinstance(content, Path)
            else pa.PythonFile(KeptOpen(content), mode="r")
        )
    with file:
        if isinstance(content, Path) and file.read(len(_FILE_MARK)) == _FILE_MARK:
            yield _of_file(source.name, file, skip)
        else:
            if isinstance(content, Path):
                file.seek(0)
            yield _of_stream(source.name, file, skip)


def _of_file(name: str, file: pa.NativeFile, skip: int) -> Records:
    bounded = pa.PythonFile(_Bounded(name, file), mode="r")
    with _readable(name):
        reader = pa.ipc.open_file(bounded)
        sizes = _sizes(bounded)
    length = rows_per_block(len(reader.schema))
    first = 0
    while first < len(sizes) and sizes[first] <= skip:
        skip -= sizes[first]
        first += 1
    batches = (reader.get_batch(i) for i in range(first, len(sizes)))
    blocks = in_blocks(name, _batches(name, batches, skip), length)
    return Records(reader.schema, blocks, text=False, rows=sum(sizes), rows_per_block=length)


def _sizes(file: pa.NativeFile) -> list[int]:
    """Return the rows of each batch; only one column is read."""
    one = pa.ipc.IpcReadOptions(included_fields=[0])
    reader = pa.ipc.open_file(file, options=one)
    return [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]


def _of_stream(name: str, file: pa.NativeFile, skip: int) -> Records:
    stream = _Bounded(name, file)
    with _readable(name):
        reader = pa.ipc.open_stream(pa.PythonFile(stream, mode="r"))
    length = rows_per_block(len(reader.schema))
    blocks = in_blocks(name, _batches(name, _until_the_end(name, reader, stream), skip), length)
    return Records(reader.schema, blocks, text=False, rows_per_block=length)


def _until_the_end(name: str, reader: pa.RecordBatchReader, stream: _Bounded) -> Iterator[pa.RecordBatch]:
    yield from reader
    if stream.last != _END:
        raise UnreadableInput(f"{name}: the stream ends too early; was the file copied or downloaded whole?")
    if stream.read(1):
        raise UnreadableInput(f"{name}: something follows the end of the stream; write one stream per file")


def _batches(name: str, batches: Iterator[pa.RecordBatch], skip: int) -> Iterator[pa.RecordBatch]:
    with _readable(name):
        for batch in batches:
            _expect_small(name, batch.nbytes)
            batch.validate(full=True)
            if batch.num_rows > skip:
                yield batch.slice(skip)
            skip = max(0, skip - batch.num_rows)


def _expect_small(name: str, size: int) -> None:
    """Raise `UnreadableInput` for a piece of so many bytes that memory would grow with the file."""
    if size > MOST_BATCH_BYTES:
        raise UnreadableInput(
            f"{name}: cannot be read as Arrow: it has a piece of {size / 2**20:,.0f} MiB, and at most "
            f"{MOST_BATCH_BYTES // 2**20} MiB are read at once; write it in smaller record batches"
        )


class _Bounded:
    """A file that gives a bounded number of bytes at once, and remembers the last bytes that were read."""

    closed = False

    def __init__(self, name: str, file: pa.NativeFile) -> None:
        self._name, self._file, self.last = name, file, b""

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and fewer only at the end."""
        _expect_small(self._name, size)
        piece: bytes = self._file.read(size)
        self.last = (self.last + piece[-len(_END) :])[-len(_END) :]
        return piece

    def seek(self, position: int, whence: int = 0) -> int:
        """Go to a place in the file."""
        return self._file.seek(position, whence)  # type: ignore[no-any-return]  # pyarrow ships no types

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Do nothing; whoever opened the file closes it."""


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        raise UnreadableInput(f"{name}: cannot be read as Arrow: {complaint(error)}") from None
