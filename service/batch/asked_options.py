"""What was typed, as options of a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from service.batch.asked import ENGINES, KINDS, PIPED, Asked
from service.batch.dialect import Dialect
from service.batch.options import Options, SegmentLog, Threshold
from service.errors import WrongUse
from service.places import S3Options, place_of
from service.settings import Settings

_DELIMITERS = {"tab": "\t", "\\t": "\t"}


def options_of(asked: Asked, settings: Settings, *, dated: bool = False) -> Options:
    """Return how to score; raises `WrongUse` for a value that is not allowed."""
    _expect_one_of("--to", asked.to, KINDS)
    _expect_one_of("--from", asked.come_as, PIPED)
    _expect_one_of("--engine", asked.engine, ENGINES)
    s3 = S3Options(kms_key=settings.s3_kms_key)
    return Options(
        reasons=asked.reasons,
        keep_columns=asked.keep_columns,
        ending=KINDS[asked.to or "parquet"],
        dialect=_dialect(asked),
        most_refused=None if asked.max_quarantine is None else Threshold.read(asked.max_quarantine),
        limit=asked.limit,
        where=_pairs(asked.where),
        threads=asked.threads,
        replace=asked.replace,
        dated=dated,
        s3=s3,
        log=_log(settings, s3),
    )


def _dialect(asked: Asked) -> Dialect:
    quote = {} if asked.quote is None else {"quote": asked.quote}
    delimiter = _DELIMITERS.get(asked.delimiter or "", asked.delimiter)
    return Dialect(delimiter=delimiter, encoding=asked.encoding, decimal=asked.decimal, **quote)


def _log(settings: Settings, s3: S3Options) -> SegmentLog | None:
    if settings.decision_log is None:
        return None
    return SegmentLog(place_of(settings.segments, s3), settings.decision_log)


def _expect_one_of(flag: str, value: str | None, allowed: Collection[str]) -> None:
    if value is not None and value not in allowed:
        raise WrongUse(f"{flag} {value!r} is not one of: {', '.join(allowed)}")


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise WrongUse(f"--where {text!r} is not KEY=VALUE, such as region=north")
        if found.setdefault(key, value) != value:
            raise WrongUse(f"--where asks for {key}={found[key]} and for {text}; ask for one")
    return found
