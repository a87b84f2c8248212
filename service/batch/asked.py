"""What can be typed after `aval score` and after `python -m service.batch`: one definition for both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from service.batch.dialect import Dialect
from service.batch.options import Options, Threshold
from service.batch.places import S3Options
from service.errors import WrongUse

STANDARD = "-"
KINDS = {kind: f".{kind}" for kind in ("csv", "jsonl", "parquet")}
# What a pipe can carry: the others cannot be read or written from the beginning to the end.
PIPED = ("csv", "jsonl")
ENGINES = ("local", "spark")
_DELIMITERS = {"tab": "\t", "\\t": "\t"}


@dataclass(frozen=True, slots=True)
class Told:
    """How a field is typed and explained. flag: nothing for what is known by its position."""

    flag: str
    metavar: str
    help: str


def _argument(metavar: str, text: str, default: str | None = None) -> Any:
    metadata = {"told": Told("", metavar, text)}
    return field(metadata=metadata) if default is None else field(default=default, metadata=metadata)


def _option(flag: str, metavar: str, text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"told": Told(flag, metavar, text)})


def _switch(flag: str, text: str) -> Any:
    return _option(flag, "", text, default=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed, as it was typed; every field says how, in its metadata as `told`."""

    use_case: str = _argument("USE_CASE", "a use case, or use_case:version")
    source: str = _argument(
        "INPUT",
        "a file, folder, quoted glob or partitioned data set, here or in s3://; - is standard input; {date} is the day",
    )
    target: str = _argument(
        "OUTPUT",
        "a .csv, .jsonl or .parquet file, or a folder that gets one file per part, here or in s3://; - is standard "
        "output, whose decisions are not in the decision log",
        default="",
    )
    reasons: bool = _switch("--reasons", "add reason codes to what is not approved")
    keep_columns: bool = _switch("--keep-columns", "keep the input's columns in the output")
    to: str | None = _option(
        "--to",
        "KIND",
        "csv, jsonl or parquet: what is written into a folder (parquet) or standard output (csv)",
    )
    come_as: str | None = _option("--from", "KIND", "csv or jsonl: what comes through standard input (csv)")
    delimiter: str | None = _option(
        "--delimiter", "CHARACTER", "between the cells of CSV, tab for a tab; default: detected"
    )
    quote: str | None = _option("--quote", "CHARACTER", 'around cells of CSV, nothing for none; default: "')
    encoding: str | None = _option("--encoding", "NAME", "of text files; default: detected, and UTF-8")
    decimal: str | None = _option("--decimal", "MARK", "a point or a comma, in CSV; default: detected")
    max_quarantine: str | None = _option(
        "--max-quarantine",
        "SHARE",
        "1% or 100: with more rows refused, nothing is written, and the exit code is 1",
    )
    where: tuple[str, ...] = _option(
        "--where", "KEY=VALUE", "only this partition; can be given again", default=()
    )
    date: str | None = _option(
        "--date", "YYYY-MM-DD", "what {date} stands for in INPUT and OUTPUT; default: yesterday"
    )
    time_zone: str | None = _option(
        "--time-zone", "ZONE", "where yesterday is, such as Europe/Madrid; default: AVAL_TIME_ZONE, or UTC"
    )
    limit: int | None = _option("--limit", "ROWS", "score the first rows only")
    dry_run: bool = _switch("--dry-run", "check the records, and write nothing anywhere")
    threads: int | None = _option("--threads", "COUNT", "that score; default: one per processor")
    replace: bool = _switch("--replace", "score again what the output already holds")
    engine: str = _option("--engine", "NAME", "local or spark; spark needs pyspark", default="local")
    quarantine: str | None = _option(
        "--quarantine",
        "FILE",
        "for refused rows, with standard output; default: standard error, as JSON Lines",
    )
    json: bool = _switch("--json", "print the manifest instead of a table")
    progress_json: bool = _switch("--progress-json", "tell the progress as JSON Lines, one a second")

    def options(self, *, kms_key: str | None = None, dated: bool = False) -> Options:
        """Return how to score; raises `WrongUse` for a value that is not allowed."""
        _expect_one_of("--to", self.to, KINDS)
        _expect_one_of("--from", self.come_as, PIPED)
        _expect_one_of("--engine", self.engine, ENGINES)
        quote = {} if self.quote is None else {"quote": self.quote}
        delimiter = _DELIMITERS.get(self.delimiter or "", self.delimiter)
        return Options(
            reasons=self.reasons,
            keep_columns=self.keep_columns,
            ending=KINDS[self.to or "parquet"],
            dialect=Dialect(delimiter=delimiter, encoding=self.encoding, decimal=self.decimal, **quote),
            most_refused=None if self.max_quarantine is None else Threshold.read(self.max_quarantine),
            limit=self.limit,
            where=_pairs(self.where),
            threads=self.threads,
            replace=self.replace,
            dated=dated,
            s3=S3Options(kms_key=kms_key),
        )


def _expect_one_of(flag: str, value: str | None, allowed: Any) -> None:
    if value is not None and value not in allowed:
        raise WrongUse(f"{flag} {value!r} is not one of: {', '.join(allowed)}")


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise WrongUse(f"--where {text!r} is not KEY=VALUE, such as region=north")
        if found.setdefault(key, value) != value:
            raise WrongUse(f"--where asks for {key}={found[key]} and for {text}; ask for one")
    return found
