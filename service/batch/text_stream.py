"""A text file as a stream of UTF-8, whatever it is compressed with and encoded in."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from service.batch.encodings import find_encoding, is_utf_8
from service.batch.records import READ_ERRORS, complaint
from service.errors import UnreadableInput
from service.scoring.contract import Contract

PIECE_BYTES = 2**20
_BLANK = " \t\r\n\ufeff"


@dataclass(frozen=True, slots=True)
class Source:
    """What a file is called, and where its bytes are: a path, or a stream that is read once."""

    name: str
    content: Path | BinaryIO


class TextStream:
    """The text of a file, piece by piece; `sample` is its beginning, and `words` its encoding if that was detected.

    Raises `UnreadableInput` for what is no text: bytes that the encoding does not have, a NUL, nothing at all.
    """

    closed = False

    def __init__(self, source: Source, stream: pa.NativeFile, contract: Contract, asked: str | None) -> None:
        self._name, self._stream = source.name, stream
        self._line, self._blank, self._ended = 1, True, False
        beginning = self._fetch()
        self._encoding = asked or find_encoding(beginning, contract)
        self.words = () if asked or is_utf_8(self._encoding) else (f"encoding {self._encoding}",)
        # A mark at the beginning is no part of the text.
        codec = "utf-8-sig" if is_utf_8(self._encoding) else self._encoding
        self._decoder = codecs.getincrementaldecoder(codec)()
        self.sample = self._waiting = self._decoded(beginning)
        self._bytes = b""

    def text(self) -> str:
        """Return the next piece, the first time the sample; nothing only at the end."""
        piece, self._waiting = self._waiting, ""
        while not piece and not self._ended:
            piece = self._decoded(self._fetch())
        return piece

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes of the text in UTF-8, and fewer only at the end."""
        pieces, held = [self._bytes], len(self._bytes)
        while held < size and (piece := self.text().encode()):
            pieces.append(piece)
            held += len(piece)
        found = b"".join(pieces)
        self._bytes = found[size:]
        return found[:size]

    def close(self) -> None:
        """Do nothing; whoever opened the stream closes it."""

    def _fetch(self) -> bytes:
        try:
            piece: bytes = self._stream.read(PIECE_BYTES)
        except READ_ERRORS as error:
            raise UnreadableInput(f"{self._name}: {_explain(error)}") from None
        self._ended = not piece
        return piece

    def _decoded(self, piece: bytes) -> str:
        try:
            text = self._decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            self._line += error.object.count(b"\n", 0, error.start)
            raise self._refusal(f"the text is not {self._encoding}") from None
        if (nul := text.find("\0")) >= 0:
            self._line += text.count("\n", 0, nul)
            raise self._refusal("there is a NUL, which no text has")
        self._line += text.count("\n")
        self._blank = self._blank and not text.strip(_BLANK)
        if self._ended and self._blank:
            raise UnreadableInput(f"{self._name}: the file is empty")
        return text

    def _refusal(self, what: str) -> UnreadableInput:
        advice = "save the file as UTF-8, or name its encoding with --encoding"
        return UnreadableInput(f"{self._name}: line {self._line}: {what}; {advice}")


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
