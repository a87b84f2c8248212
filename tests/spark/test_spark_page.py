from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from tests.service.batch.batch_scorers import make_bundle, random_table, symmetric_trees
from tests.spark.clusters import CHECKOUT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_the_example_of_the_page_runs_as_it_stands(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [example] = re.findall(r"```python\n(.*?)```", (CHECKOUT / "service" / "SPARK.md").read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("bundle").mkdir()
    for name, content in make_bundle(symmetric_trees(40, 5)).items():
        (Path("bundle") / name).write_bytes(content)
    table = random_table(300).drop_columns(["contract"]).append_column("day", pa.array(["2026-11-20"] * 300))
    spark.createDataFrame(table).createOrReplaceTempView("applications")
    exec(example, {"spark": spark})  # noqa: S102  # our own page
    counts = dict(re.findall(r"\| *(\w+)\| +(\d+)\|", capsys.readouterr().out))
    assert counts.keys() == {"approve", "refer", "decline"}
    assert sum(map(int, counts.values())) == 300
