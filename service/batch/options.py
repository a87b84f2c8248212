"""What a run of the file door is asked to do."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from service.batch.dialect import DETECTED, Dialect
from service.batch.tally import Tally
from service.errors import AvalError, WrongUse
from service.places import Place, S3Options


class TooManyRefused(AvalError):
    """More rows were refused than the run allows."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Threshold:
    """The most rows that may be quarantined: as an exact share of all rows, or as a number of rows."""

    share: Fraction | None = None
    rows: int | None = None

    @classmethod
    def read(cls, text: str) -> Threshold:
        """Read `1%`, `0.5%` or `100`; raises `WrongUse`."""
        if found := re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)\s*%", text.strip()):
            if (percent := Fraction(found[1])) <= 100:
                return cls(share=percent / 100)
        elif re.fullmatch(r"\d{1,15}", text.strip()):
            return cls(rows=int(text))
        raise WrongUse(
            f"{text!r} is no threshold; it must be a share of the rows, as 1%, or a number of rows, as 100"
        )

    def allows(self, quarantined: int, rows: int) -> bool:
        """Whether so many of so many rows may be quarantined."""
        return quarantined <= (rows * self.share if self.share is not None else self.rows or 0)

    def __str__(self) -> str:
        return f"{float(self.share * 100):.10g}%" if self.share is not None else f"{self.rows:,} rows"


def expect_few_refused(tally: Tally, most: Threshold | None, refused: str, then: str) -> None:
    """Raise `TooManyRefused` where more of a tally's rows were refused than may be.

    refused, then: what became of these rows, and what that comes to, as the error is to say it.
    """
    if most is None or most.allows(tally.rows_quarantined, tally.rows_in):
        return
    worst = ", ".join(f"{count:,} x {what}" for what, count in tally.findings.most_common(5))
    raise TooManyRefused(
        f"{tally.rows_quarantined:,} of {tally.rows_in:,} rows {refused}, and at most {most} may be: {worst}; {then}"
    )


@dataclass(frozen=True, slots=True)
class SegmentLog:
    """The decision log as batch runs need it: where segments are kept, and its address."""

    place: Place
    address: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to score.

    reasons: whether what is not approved gets reason codes. keep_columns: whether the input's columns stand in the
    output too. ending: kind of a folder's outputs, as `.parquet`. dialect: how CSV is written. most_refused: beyond it,
    the run fails and nothing is written. limit: only so many rows, counted over all inputs. where: values of the
    partitions that are scored. threads: that score, one per processor unless given. replace: whether what the output
    already holds is scored again. dated:
    whether the input is that of one day, which may not be there yet. log: where
    decisions are registered, None for nowhere. s3: how buckets are used.
    """

    reasons: bool = False
    keep_columns: bool = False
    ending: str = ".parquet"
    dialect: Dialect = DETECTED
    most_refused: Threshold | None = None
    limit: int | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None
    replace: bool = False
    dated: bool = False
    log: SegmentLog | None = None
    s3: S3Options = field(default_factory=S3Options)

    def __post_init__(self) -> None:
        """Raise `WrongUse` for numbers that make no sense."""
        for name in ("threads", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise WrongUse(f"{name}={value} is too few; it must be at least 1")

    @property
    def scoring_threads(self) -> int:
        """How many threads score."""
        return self.threads or os.cpu_count() or 1
