from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.batch import Options, score_files
from service.batch.run import score_locally
from service.spark import packed
from service.spark.engine import spark_engine
from tests.e2e.conftest import REAL_FILES
from tests.spark.test_engine import files_in
from training.train import Trained
from training.use_cases import use_cases

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.parametrize("use_case", sorted(use_cases()))
def test_real_data_score_as_the_local_engine_scores_them_byte_for_byte(
    spark: SparkSession, quick: Callable[[str], Trained], real_data: Path, use_case: str, tmp_path: Path
) -> None:
    trained = quick(use_case)
    source = tmp_path / f"{use_case}.csv"
    if use_case in REAL_FILES:
        source = real_data / REAL_FILES[use_case]
    else:
        use_cases()[use_case].sample(5_000, 1).to_csv(source, index=False)
    found = []
    for engine in (spark_engine(spark, packed(trained.files)), score_locally):
        out = tmp_path / "out"
        score_files(trained.scorer, source, f"{out}/", Options(reasons=True), engine=engine)
        found.append(files_in(out))
        out.rename(tmp_path / f"out-{len(found)}")
    assert found[0] == found[1]
    assert any(name.endswith(".parquet") for name in found[0])
