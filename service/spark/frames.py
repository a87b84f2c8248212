"""Score a frame of any source (Delta, Hive, JDBC): its rows come back, each with its decision or with what is wrong."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa

from service.errors import UnreadableInput, WrongUse
from service.scoring.scorer import ScoredTable, Scorer
from service.scoring.validation import TableInvalid
from service.spark.map_in_arrow import mapped
from service.spark.packing import Shipped, packed_from, shipped, unpacked

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

RESULTS = ("probability", "decision", "findings")
VERSIONS = ("model", "policy", "contract")


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """How a frame is read, and what its results are called.

    beside: columns that the contract does not know, kept and not looked at, such as a partition's date.
    text: whether cells are text that may stand for a number, as in a CSV file that was read without a schema.
    time_zone: on whose clock an instant (Spark's `timestamp`) is read; the session's own zone, which differs from
    one cluster to the next, never decides. A time without a zone is taken as written.
    prefix: what stands before the names of the results.
    """

    beside: Collection[str] = ()
    text: bool = False
    time_zone: str = "UTC"
    prefix: str = ""


def scored(frame: DataFrame, bundle: Path | bytes, options: FrameOptions | None = None) -> DataFrame:
    """Return the frame with probability, decision, findings, model, policy and contract after its own columns.

    No row is lost: a refused one has null for probability and decision, and its findings as a JSON list; a scored
    one has null for findings. How the frame is cut into partitions and batches changes nothing. `bundle` is a
    folder, or what `packed` made. Raises `UnreadableInput` at once for columns that are not those of the contract,
    `WrongUse` for names that would stand twice, and `ModelRefused` for what is no bundle.
    """
    options = options or FrameOptions()
    content = bundle if isinstance(bundle, bytes) else packed_from(bundle)
    scorer, names = unpacked(content), tuple(frame.columns)
    added = [options.prefix + name for name in (*RESULTS, *VERSIONS)]
    _expect_zone(options.time_zone)
    _expect_columns(names, scorer, options)
    _expect_free(names, added)
    # For Spark a dot in a name leads into a struct: inside, columns are called by their position.
    renamed = frame.toDF(*(f"c{position}" for position in range(len(names))))
    work = _Work(shipped(frame.sparkSession, content), names, options)
    results = mapped(renamed, work, _with_results(renamed.schema))
    return _with_versions(results, scorer).toDF(*names, *added)


@dataclass(frozen=True, slots=True)
class _Work:
    """What an executor does with the batches of one partition; `names` are the columns' own."""

    bundle: Shipped
    names: tuple[str, ...]
    options: FrameOptions

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        scorer = unpacked(self.bundle.value)
        for batch in batches:
            result = scorer.score_table(self._records(batch), text=self.options.text)
            yield pa.RecordBatch.from_arrays(
                [*batch.columns, *_results(result)], names=[*batch.schema.names, *RESULTS]
            )

    def _records(self, batch: pa.RecordBatch) -> pa.Table:
        columns = dict(zip(self.names, batch.columns, strict=True))
        return pa.table(
            {
                name: _on_clock(column, self.options.time_zone)
                for name, column in columns.items()
                if name not in self.options.beside
            }
        )


def _results(scored: ScoredTable) -> list[pa.Array]:
    return [
        pa.array(scored.probabilities, mask=~scored.valid),
        scored.decision_names(),
        pa.array(_findings(scored), pa.string()),
    ]


def _findings(scored: ScoredTable) -> list[str | None]:
    """Return a JSON list for each refused row, in the words of quarantine files."""
    texts: list[str | None] = [None] * len(scored.decisions)
    first = 0
    for checked in scored.checked:
        for row, items in checked.findings().items():
            texts[first + row] = json.dumps([item.as_json() for item in items], ensure_ascii=False)
        first += checked.rows
    return texts


def _on_clock(column: pa.Array, time_zone: str) -> pa.Array:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return column.cast(pa.timestamp(kind.unit, time_zone))
    return column


def _with_results(schema: StructType) -> StructType:
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    kinds = (DoubleType(), StringType(), StringType())
    added = [StructField(name, kind) for name, kind in zip(RESULTS, kinds, strict=True)]
    return StructType([*schema.fields, *added])


def _with_versions(results: DataFrame, scorer: Scorer) -> DataFrame:
    from pyspark.sql.functions import lit

    texts = (scorer.tag, scorer.policy.version, scorer.contract.version)
    return results.withColumns({name: lit(text) for name, text in zip(VERSIONS, texts, strict=True)})


def _expect_columns(names: Sequence[str], scorer: Scorer, options: FrameOptions) -> None:
    read = [name for name in names if name not in options.beside]
    try:
        scorer.validator.check_table(pa.table([pa.nulls(0)] * len(read), names=read))
    except TableInvalid as error:
        raise UnreadableInput(
            f"the frame's columns are not those of {scorer.contract.use_case}: {error}; "
            "drop what is no field, or name it among `beside` to keep it"
        ) from None


def _expect_free(names: Sequence[str], added: Sequence[str]) -> None:
    # Spark finds columns whatever the case of their letters.
    taken = {name.casefold() for name in names}
    if twice := [name for name in added if name.casefold() in taken]:
        raise WrongUse(f"the frame has a column {twice[0]!r} already; give a `prefix` for the results")


def _expect_zone(time_zone: str) -> None:
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise WrongUse(
            f"time_zone={time_zone!r} is not one of the IANA zones, such as Europe/Madrid"
        ) from None
