from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.feather as pf
import pyarrow.parquet as pq
import pytest

from service.batch import Engine, Options, Result, Step, score_files
from service.batch.run import score_locally
from service.batch.state import State
from service.errors import UnreadableInput, WrongUse
from service.scoring.scorer import Scorer
from service.spark.engine import spark_engine
from tests.moto import Moto
from tests.service.batch.batch_scorers import (
    HEADER,
    make_bundle,
    random_table,
    symmetric_trees,
    write_records,
)
from tests.spark.clusters import executors
from tests.spark.test_frames import spoilt

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Files = dict[str, bytes]
Scoring = Callable[..., Files]
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the same few records in every format, some of which are refused."""
    folder, table = tmp_path_factory.mktemp("records"), spoilt(random_table(800))
    write_records(folder / "a.csv", table)
    write_records(folder / "b.csv.gz", table)
    write_records(folder / "c.parquet", table)
    lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    (folder / "d.jsonl").write_text(lines)
    (folder / "e.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pf.write_feather(table, str(folder / "f.arrow"), compression="uncompressed")
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file of three parts, the last of them a short one, with a refused record every million rows or so."""
    few = random_table(10_000).select(["age", "income", "amount", "purpose", "Saving accounts", "pay.0"])
    rows = np.tile(np.arange(10_000), 211)
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    pq.write_table(few.take(pa.array(rows)), path, row_group_size=300_000)
    return path


def files_in(folder: Path) -> Files:
    """All files below a folder; of the manifest, what does not tell the time."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: timeless(content) if "manifest" in name else content for name, content in found.items()}


def timeless(manifest: bytes) -> bytes:
    body = json.loads(manifest)
    for run in body["runs"]:
        run["started"] = run["finished"] = ""
    return json.dumps(body).encode()


@pytest.fixture
def scored_into(scorer: Scorer, tmp_path: Path) -> Scoring:
    """`scored_into(engine, source, name, options)`: all that a run leaves behind, in a folder that is new each time.

    The folder's own name is the same, because decisions are named after it.
    """

    def score(
        engine: Engine,
        source: Path,
        name: str,
        options: Options = Options(),  # noqa: B008  # immutable
        progress: Callable[[Step], None] = lambda _: None,
    ) -> Files:
        folder = tmp_path / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        score_files(scorer, source, f"{folder}/{name}", options, progress=progress, engine=engine)
        return files_in(folder)

    return score


@pytest.mark.parametrize("target", ["scores.csv", "scores.parquet", "folder/"])
def test_every_format_leaves_what_the_local_engine_leaves_byte_for_byte(
    spark: SparkSession, bundle: bytes, records: Path, scored_into: Scoring, target: str
) -> None:
    options = Options(reasons=True, keep_columns=True)
    local = scored_into(score_locally, records, target, options)
    assert scored_into(spark_engine(spark, bundle), records, target, options) == local
    assert any("quarantine" in name for name in local)


def test_a_killed_executor_changes_nothing_in_the_result(
    spark: SparkSession, bundle: bytes, large: Path, scored_into: Scoring
) -> None:
    killed: list[psutil.Process] = []

    def kill_one(_: Step) -> None:
        if not killed:
            killed.append(executors(spark)[0])
            killed[0].kill()

    found = scored_into(spark_engine(spark, bundle, 4 * MEBIBYTE), large, "scores.parquet", progress=kill_one)
    assert killed
    # Unfinished files of a killed process are nobody's, and the next run on this folder clears them away.
    published = {name: content for name, content in found.items() if not name.startswith(".aval-scratch-")}
    assert sorted(published) == ["scores.parquet", "scores.parquet.manifest.json"]
    assert published == scored_into(score_locally, large, "scores.parquet")


def test_only_the_partitions_asked_for_are_scored(
    spark: SparkSession, bundle: bytes, scored_into: Scoring, tmp_path: Path
) -> None:
    for day in range(3):
        (tmp_path / f"in/day={day}").mkdir(parents=True)
        write_records(tmp_path / f"in/day={day}/a.parquet", random_table(50, seed=day))
    options = Options(where={"day": "1"})
    found = scored_into(spark_engine(spark, bundle), tmp_path / "in", "folder/", options)
    assert found == scored_into(score_locally, tmp_path / "in", "folder/", options)
    assert sorted(found) == ["folder/_manifest.json", "folder/day=1/a.parquet-00000.parquet"]


def test_executors_read_and_write_buckets_by_themselves(
    spark: SparkSession, bundle: bytes, scorer: Scorer, records: Path, bucket: str, moto_s3: Moto
) -> None:
    client, found = moto_s3.client(), []
    for path in records.iterdir():
        client.upload_file(str(path), bucket, f"in/{path.name}")
    for engine in (spark_engine(spark, bundle, bytes_per_share=2_000), score_locally):
        score_files(scorer, f"s3://{bucket}/in/", f"s3://{bucket}/out/", engine=engine)
        contents = {name: text for name, text in moto_s3.contents(bucket).items() if name.startswith("out/")}
        found.append(
            {name: timeless(text) if "manifest" in name else text for name, text in contents.items()}
        )
        for name in contents:
            client.delete_object(Bucket=bucket, Key=name)
    assert found[0] == found[1]
    assert len(found[0]) == 13


def test_what_one_executor_cannot_read_ends_the_run_with_the_local_engines_words(
    spark: SparkSession, bundle: bytes, scored_into: Scoring, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    write_records(source / "good.parquet", random_table(50))
    (source / "bad.csv").write_text(f'{HEADER}\n"open')
    words = []
    for engine in (score_locally, spark_engine(spark, bundle)):
        with pytest.raises(UnreadableInput) as refused:
            scored_into(engine, source, "scores.csv")
        words.append(str(refused.value))
    assert words[0] == words[1]
    assert files_in(tmp_path / "out") == {}


def test_a_run_that_was_broken_off_is_gone_on_with(
    spark: SparkSession, bundle: bytes, scorer: Scorer, records: Path, scored_into: Scoring, tmp_path: Path
) -> None:
    engine = spark_engine(spark, bundle)
    whole = scored_into(score_locally, records, "scores.csv")
    broken = broken_off_before_publishing(engine, forgetting=("000001-000000.json",))
    with pytest.raises(KeyboardInterrupt):
        scored_into(broken, records, "scores.csv")
    result: Result = score_files(scorer, records, f"{tmp_path}/out/scores.csv", engine=engine)
    assert result.continued == 5 * 800
    assert files_in(tmp_path / "out") == whole


def broken_off_before_publishing(engine: Engine, forgetting: tuple[str, ...]) -> Engine:
    """The engine, interrupted when all is scored, and with these records never written."""

    def interrupted(run: Any) -> int:
        engine(run)
        state: State = run.state
        for name in forgetting:
            state.place.remove(state.path(name))
        raise KeyboardInterrupt

    return interrupted


def test_a_limit_means_the_first_rows_as_ever(
    spark: SparkSession, bundle: bytes, records: Path, scored_into: Scoring
) -> None:
    found = scored_into(spark_engine(spark, bundle), records, "scores.csv", Options(limit=900))
    assert found == scored_into(score_locally, records, "scores.csv", Options(limit=900))


def test_addresses_may_be_relative(
    spark: SparkSession,
    bundle: bytes,
    scorer: Scorer,
    records: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(records, "records")
    result = score_files(scorer, "records/c.parquet", "scores.parquet", engine=spark_engine(spark, bundle))
    assert result.manifest.tally.rows_in == 800


def test_a_bundle_that_is_not_the_runs_is_refused(
    spark: SparkSession, records: Path, scored_into: Scoring, bundle: bytes
) -> None:
    from service.spark import packed

    other = packed(make_bundle(symmetric_trees(2, 2)))
    with pytest.raises(
        WrongUse, match=r"^the packed bundle is small_loans:.*, and the run needs small_loans:"
    ):
        scored_into(spark_engine(spark, other), records, "scores.csv")
