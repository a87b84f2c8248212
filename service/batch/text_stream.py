"""A text file as a stream of UTF-8, whatever it is compressed with and encoded in."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from service.batch.encodings import SAVE_AS_UTF_8, find_encoding, is_utf_8
from service.batch.records import READ_ERRORS, complaint
from service.errors import UnreadableInput
from service.scoring.contract import Contract

SAMPLE_BYTES = 2**20
_PIECE = 2**20
_BLANK = b" \t\r\n" + codecs.BOM_UTF8


@dataclass(frozen=True, slots=True)
class Source:
    """What a file is called, and where its bytes are: a path, or a stream that is read once."""

    name: str
    content: Path | BinaryIO


class TextStream:
    """The text of a file as UTF-8 without a mark; `sample` is its beginning, and `words` its encoding if unusual.

    UTF-8 itself is passed on unchecked. NUL bytes are refused, and a file with nothing in it.
    """

    closed = False

    def __init__(
        self, source: Source, stream: pa.NativeFile, contract: Contract, encoding: str | None
    ) -> None:
        self._name, self._stream = source.name, stream
        self._position, self._blank, self._ended = 0, True, False
        beginning = self._fetch(SAMPLE_BYTES)
        self._encoding = encoding or find_encoding(beginning, contract)
        self._decoder = None if is_utf_8(self._encoding) else codecs.getincrementaldecoder(self._encoding)()
        self._buffer = self._as_utf_8(beginning).removeprefix(codecs.BOM_UTF8)
        while len(self._buffer) < SAMPLE_BYTES and not self._ended:
            self._buffer += self._text()
        self.sample = self._buffer.decode(errors="replace")
        self.words = () if encoding or not self._decoder else (f"encoding {self._encoding}",)

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and fewer only at the end."""
        pieces, held = [self._buffer], len(self._buffer)
        while held < size and not self._ended:
            pieces.append(self._text())
            held += len(pieces[-1])
        buffer = b"".join(pieces)
        self._buffer = buffer[size:]
        return buffer[:size]

    def close(self) -> None:
        """Do nothing; whoever opened the stream closes it."""

    def _text(self) -> bytes:
        return self._as_utf_8(self._fetch(_PIECE))

    def _fetch(self, size: int) -> bytes:
        try:
            piece: bytes = self._stream.read(size)
        except READ_ERRORS as error:
            raise UnreadableInput(f"{self._name}: {_explain(error)}") from None
        self._ended = not piece
        return piece

    def _as_utf_8(self, piece: bytes) -> bytes:
        before, self._position = self._position, self._position + len(piece)
        if self._decoder:
            piece = self._decoded(self._decoder, piece, before)
        if (nul := piece.find(b"\0")) >= 0:
            at = "" if self._decoder else f"byte {before + nul + 1:,} is "
            raise UnreadableInput(f"{self._name}: {at}NUL, which no text has; {SAVE_AS_UTF_8}")
        self._blank = self._blank and not piece.strip(_BLANK)
        if self._ended and self._blank:
            raise UnreadableInput(f"{self._name}: the file is empty")
        return piece

    def _decoded(self, decoder: codecs.IncrementalDecoder, piece: bytes, before: int) -> bytes:
        try:
            return decoder.decode(piece, final=not piece).encode()
        except UnicodeError:
            raise UnreadableInput(
                f"{self._name}: after byte {before:,}: the text is not {self._encoding}; {SAVE_AS_UTF_8}"
            ) from None


@contextmanager
def opened_text(
    source: Source, contract: Contract, *, gzipped: bool, encoding: str | None
) -> Iterator[TextStream]:
    """Open a text file; raises `UnreadableInput`, here and when it is read."""
    compression = "gzip" if gzipped else None
    try:
        if isinstance(source.content, Path):
            stream = pa.input_stream(str(source.content), compression=compression)
        else:
            stream = pa.input_stream(KeptOpen(source.content), compression=compression)
    except READ_ERRORS as error:
        raise UnreadableInput(f"{source.name}: {_explain(error)}") from None
    with stream:
        yield TextStream(source, stream, contract, encoding)


class KeptOpen:
    """A stream that pyarrow reads and does not close, such as standard input."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self.read = stream.read

    def close(self) -> None:
        """Leave it open."""


def _explain(error: Exception) -> str:
    text = complaint(error)
    return next((meaning for part, meaning in _MEANINGS.items() if part in text), f"cannot be read: {text}")


_MEANINGS = {
    "Truncated compressed": "the compressed data end too early; was the file copied or downloaded whole?",
    "zlib": "the compressed data are damaged, or the file is no gzip file",
}
