from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.errors import UnreadableInput, WrongUse
from service.scoring.scorer import Scorer
from service.spark import FrameOptions, scored
from tests.service.batch.batch_scorers import random_table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RESULTS = ("probability", "decision", "findings")
# The contract of these tests has a column `contract` of its own.
PREFIXED = FrameOptions(prefix="aval_")
BATCH = "spark.sql.execution.arrow.maxRecordsPerBatch"


def changed(table: pa.Table, name: str, column: Any) -> pa.Table:
    """The table with another column in the place of one."""
    return table.set_column(table.column_names.index(name), name, column)


def spoilt(table: pa.Table) -> pa.Table:
    """Records of which every seventh has an impossible age, and every eleventh an unknown purpose."""
    ages = np.where(np.arange(table.num_rows) % 7 == 0, 144, table["age"])
    purposes = table["purpose"].to_pylist()
    purposes[::11] = ["yacht"] * len(purposes[::11])
    return changed(changed(table, "age", pa.array(ages)), "purpose", pa.array(purposes))


def expected(scorer: Scorer, table: pa.Table, *, text: bool = False) -> dict[str, list[Any]]:
    """What the scorer says of a table by itself."""
    result = scorer.score_table(table, text=text)
    found = {row: [item.as_json() for item in items] for row, items in result.checked[0].findings().items()}
    return {
        "probability": [None if np.isnan(value) else value for value in result.probabilities.tolist()],
        "decision": result.decision_names().to_pylist(),
        "findings": [found.get(row) for row in range(table.num_rows)],
    }


def answers(frame: DataFrame) -> dict[str, list[Any]]:
    """The results of a frame, in the order of the records' id."""
    rows = sorted(frame.toArrow().to_pylist(), key=lambda row: row["contract"])
    found = {name: [row[f"aval_{name}"] for row in rows] for name in RESULTS}
    return {**found, "findings": [text and json.loads(text) for text in found["findings"]]}


@contextmanager
def setting(spark: SparkSession, name: str, value: int) -> Iterator[None]:
    before = spark.conf.get(name)
    spark.conf.set(name, value)
    yield
    spark.conf.set(name, before or "")


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return spoilt(random_table(3_000))


@pytest.mark.parametrize(("partitions", "batch"), [(1, 10_000), (2, 997), (7, 64)])
def test_results_are_the_scorers_bit_for_bit_however_the_frame_is_cut(
    spark: SparkSession, bundle: bytes, scorer: Scorer, table: pa.Table, partitions: int, batch: int
) -> None:
    frame = spark.createDataFrame(table).repartition(partitions)
    with setting(spark, BATCH, batch):
        assert answers(scored(frame, bundle, PREFIXED)) == expected(scorer, table)


def test_every_row_comes_back_with_its_own_columns_and_then_the_results(
    spark: SparkSession, bundle: bytes, scorer: Scorer, table: pa.Table
) -> None:
    result = scored(spark.createDataFrame(table), bundle, PREFIXED).toArrow()
    own, added = table.column_names, result.column_names[table.num_columns :]
    assert result.select(own).sort_by("contract").equals(table)
    assert added == [f"aval_{name}" for name in (*RESULTS, "model", "policy", "contract")]
    versions = [scorer.tag, scorer.policy.version, scorer.contract.version]
    assert [result[name].unique().to_pylist() for name in added[3:]] == [[text] for text in versions]


def test_refused_rows_are_kept_with_their_findings_and_without_a_decision(
    spark: SparkSession, bundle: bytes, table: pa.Table
) -> None:
    found = answers(scored(spark.createDataFrame(table), bundle, PREFIXED))
    refused = [row for row, items in enumerate(found["findings"]) if items is not None]
    assert refused == [row for row in range(table.num_rows) if row % 7 == 0 or row % 11 == 0]
    assert {found[name][row] for row in refused for name in ("probability", "decision")} == {None}
    assert [item["field"] for item in found["findings"][0]] == ["age", "purpose"]


def test_types_of_a_database_are_read_as_the_same_types_of_a_parquet_file(
    spark: SparkSession, bundle: bytes, scorer: Scorer
) -> None:
    table = random_table(200)
    incomes = [Decimal(f"{value:.7f}") for value in table["income"].to_pylist()]
    table = changed(table, "income", pa.array(incomes, pa.decimal128(20, 7)))
    table = changed(table, "age", table["age"].cast(pa.int8()))
    table = changed(table, "amount", table["amount"].cast(pa.float32()))
    table = changed(table, "asked at", table["asked at"].cast(pa.timestamp("s")).cast(pa.date32()))
    assert answers(scored(spark.createDataFrame(table), bundle, PREFIXED)) == expected(scorer, table)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Madrid"])
def test_instants_are_read_on_the_clock_that_is_named_and_not_on_the_sessions(
    spark: SparkSession, bundle: bytes, scorer: Scorer, zone: str
) -> None:
    hours = pa.array([datetime(2026, 7, 1, hour % 24, tzinfo=UTC) for hour in range(200)])
    table = changed(random_table(200), "asked at", hours.cast(pa.timestamp("us", zone)))
    frame = scored(spark.createDataFrame(table), bundle, replace(PREFIXED, time_zone=zone))
    assert spark.conf.get("spark.sql.session.timeZone") == "Pacific/Chatham"
    assert answers(frame) == expected(scorer, table)


def test_cells_of_text_are_read_as_those_of_a_csv_file(
    spark: SparkSession, bundle: bytes, scorer: Scorer, table: pa.Table
) -> None:
    cells = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    found = answers(scored(spark.createDataFrame(cells), bundle, replace(PREFIXED, text=True)))
    in_order = cells.sort_by("contract")
    assert found == expected(scorer, in_order, text=True)
    assert found["probability"] == expected(scorer, table)["probability"]


def test_a_column_that_is_no_field_is_refused_by_name_before_anything_runs(
    spark: SparkSession, bundle: bytes
) -> None:
    frame = spark.createDataFrame(random_table(10).append_column("branch", pa.array(["north"] * 10)))
    with pytest.raises(UnreadableInput) as refused:
        scored(frame, bundle, PREFIXED)
    assert str(refused.value) == (
        "the frame's columns are not those of small_loans: branch is not a field of small_loans; "
        "drop what is no field, or name it among `beside` to keep it"
    )


def test_columns_beside_the_contract_are_kept_and_not_looked_at(
    spark: SparkSession, bundle: bytes, scorer: Scorer, table: pa.Table
) -> None:
    days = pa.array([{"day": row % 3} for row in range(table.num_rows)])
    frame = scored(
        spark.createDataFrame(table.append_column("filed.under", days)),
        bundle,
        replace(PREFIXED, beside=["filed.under"]),
    )
    assert answers(frame) == expected(scorer, table)
    assert sorted(frame.toArrow()["filed.under"].to_pylist(), key=str) == sorted(days.to_pylist(), key=str)


def test_a_name_that_would_stand_twice_asks_for_a_prefix(spark: SparkSession, bundle: bytes) -> None:
    with pytest.raises(WrongUse) as refused:
        scored(spark.createDataFrame(random_table(10)), bundle)
    assert str(refused.value) == (
        "the frame has a column 'contract' already; give a `prefix` for the results"
    )


def test_a_clock_that_does_not_exist_is_refused(spark: SparkSession, bundle: bytes) -> None:
    frame = spark.createDataFrame(random_table(10))
    with pytest.raises(WrongUse) as refused:
        scored(frame, bundle, replace(PREFIXED, time_zone="Madrid"))
    assert str(refused.value) == "time_zone='Madrid' is not one of the IANA zones, such as Europe/Madrid"


def test_a_frame_without_rows_has_results_without_rows(spark: SparkSession, bundle: bytes) -> None:
    result = scored(spark.createDataFrame(random_table(10)).limit(0), bundle, PREFIXED).toArrow()
    assert (result.num_rows, result.column_names[-6]) == (0, "aval_probability")


def test_a_parquet_table_in_partitions_scores_as_its_files_do(
    spark: SparkSession, bundle: bytes, scorer: Scorer, table: pa.Table, tmp_path: Path
) -> None:
    for day in range(3):
        (tmp_path / f"day={day}").mkdir()
        pq.write_table(table.slice(day * 1_000, 1_000), tmp_path / f"day={day}" / "part.parquet")
    frame = spark.read.parquet(str(tmp_path)).where("day = 1")
    found = answers(scored(frame, bundle, replace(PREFIXED, beside=["day"])))
    assert found == expected(scorer, table.slice(1_000, 1_000))


def test_a_worker_verifies_and_loads_the_bundle_once(
    spark: SparkSession, bundle: bytes, table: pa.Table
) -> None:
    frame = scored(spark.createDataFrame(table).repartition(8), bundle, PREFIXED)
    frame.count()
    before = loads_by_worker(spark)
    frame.count()
    assert len(before) == 2
    assert loads_by_worker(spark) == before


def loads_by_worker(spark: SparkSession) -> dict[int, int]:
    """How often each Python worker of the executors has made a scorer, by process."""

    def look(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import os

        from service.spark.packing import unpacked

        for _ in batches:
            seen = [pa.array([value]) for value in (os.getpid(), unpacked.cache_info().misses)]
            yield pa.RecordBatch.from_arrays(seen, names=["pid", "loads"])

    rows = spark.range(0, 4, 1, 4).mapInArrow(look, "pid long, loads long").collect()
    return {row["pid"]: row["loads"] for row in rows}
