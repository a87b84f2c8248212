"""What can be typed after `aval score` and after `python -m service.batch`: one definition for both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STANDARD = "-"
KINDS = {kind: f".{kind}" for kind in ("csv", "jsonl", "parquet")}
# What a pipe can carry: the others cannot be read or written from the beginning to the end.
PIPED = ("csv", "jsonl")
ENGINES = ("local", "spark")


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
    policy: str | None = _option(
        "--policy", "VERSION", "decide by this one; default: that in use, or a given version's own"
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
