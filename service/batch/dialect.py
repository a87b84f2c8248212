"""How a text file writes its records: what was asked for, and what its beginning shows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.batch.encodings import expect_encoding
from service.errors import UnreadableInput, WrongUse
from service.scoring.contract import Contract

DELIMITERS = (",", ";", "\t", "|")
DECIMALS = (".", ",")
SAMPLED_ROWS = 5_000
# One number in so many may be written the other way; it will be quarantined.
STRAY = 20
_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?", re.ASCII)
# With points between the thousands it shows what the comma is, although such a number is refused.
_COMMA = re.compile(r"[+-]?(\d*|\d{1,3}(\.\d{3})+),\d+([eE][+-]?\d+)?", re.ASCII)
# 1,234 is 1234 to some and 1.234 to others; 0,234 and 12345,678 are not, and neither is 1,23.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a text file writes its records; what is None is detected, and reported where it is not the rule.

    quote: one character, or nothing where a quote is a character like others. Raises `WrongUse` for what no file has.
    """

    delimiter: str | None = None
    quote: str = '"'
    encoding: str | None = None
    decimal: str | None = None

    def __post_init__(self) -> None:
        for option, value in (("delimiter", self.delimiter), ("quote", self.quote or None)):
            if value is not None and (len(value) != 1 or not value.isascii() or value in "\r\n\0"):
                raise WrongUse(f"{option} {value!r} is not one ASCII character")
        if self.delimiter and self.delimiter == self.quote:
            raise WrongUse(f"delimiter and quote are both {self.quote!r}; they must differ")
        if self.decimal not in (None, *DECIMALS):
            raise WrongUse(f"decimal {self.decimal!r} is neither '.' nor ','")
        if self.encoding is not None:
            expect_encoding(self.encoding)


DETECTED = Dialect()


@dataclass(frozen=True, slots=True)
class FoundDialect:
    """The delimiter, quote and decimal mark of a file; `words` says which of them were detected and are unusual."""

    delimiter: str
    quote: str
    decimal: str
    words: tuple[str, ...]


def find_dialect(name: str, sample: str, contract: Contract, asked: Dialect, usual: str) -> FoundDialect:
    """Return how a file is written whose beginning is `sample`; `usual` is the delimiter that its ending promises.

    The delimiter is the one that makes most of the contract's names out of the header. The decimal mark is a
    comma if numbers of the contract have one that cannot be a thousands separator, and hardly any has a point.
    Raises `UnreadableInput` when it could be either.
    """
    delimiter = asked.delimiter or _delimiter(sample, contract, asked.quote, usual)
    decimal = asked.decimal or _decimal(name, sample, contract, delimiter, asked.quote)
    words = []
    if asked.delimiter is None and delimiter != usual:
        words.append(f"delimiter {'tab' if delimiter == chr(9) else repr(delimiter)}")
    if asked.decimal is None and decimal != ".":
        words.append(f"decimal {decimal!r}")
    return FoundDialect(delimiter, asked.quote, decimal, tuple(words))


def _delimiter(sample: str, contract: Contract, quote: str, usual: str) -> str:
    known = {*contract.by_name, *contract.ignored, contract.outcome.name} - {""}

    def named(delimiter: str) -> int:
        return len(known.intersection(next(_rows(sample, delimiter, quote), [])))

    # The first of equals wins: the usual one.
    return max((usual, *DELIMITERS), key=named)


def _decimal(name: str, sample: str, contract: Contract, delimiter: str, quote: str) -> str:
    rows = _rows(sample, delimiter, quote)
    header, records = next(rows, []), list(rows)
    numeric = [
        [row[i].strip() for row in records if i < len(row)]
        for i, title in enumerate(header)
        if title in contract.by_name and contract.by_name[title].is_numeric
    ]
    cells = [cell for column in numeric for cell in column]
    points = [cell for cell in cells if _POINT.fullmatch(cell)]
    commas = [cell for cell in cells if _COMMA.fullmatch(cell)]
    clear = any(not _THOUSANDS.fullmatch(cell) for cell in commas)
    if len(commas) * STRAY <= len(points):
        return "."
    if clear and len(points) * STRAY <= len(commas):
        return ","
    if not clear and not points and not any(_mostly_commas(column) for column in numeric):
        return "."
    raise UnreadableInput(
        f"{name}: the decimal mark is not clear: there are numbers like {', '.join([*commas[:1], *points[:1]])}; "
        "say --decimal , or --decimal . (thousands separators are refused)"
    )


def _mostly_commas(column: list[str]) -> bool:
    return 2 * sum(bool(_COMMA.fullmatch(cell)) for cell in column) > sum(map(bool, column))


def _rows(sample: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    """The records at the beginning of a file, the header first; as far as Python's own reader gets."""
    options = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, **options)
    try:
        for count, row in enumerate(filter(None, reader)):
            if count > SAMPLED_ROWS:
                return
            yield row
    except csv.Error:
        return
