"""Real Spark: one session for all tests, with two executors that are processes of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from service.scoring.scorer import Scorer
from service.spark.packing import packed, unpacked
from tests.moto import Moto
from tests.service.batch.batch_commands import commands  # noqa: F401  # a fixture
from tests.service.batch.batch_scorers import make_bundle, symmetric_trees
from tests.spark.clusters import running_cluster

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory, moto_s3: Moto) -> Iterator[SparkSession]:
    """A session on two executors, which find the S3 of these tests.

    Without Java or pyspark a test is skipped, and fails under AVAL_REQUIRE=1.
    """
    try:
        with running_cluster(tmp_path_factory.mktemp("spark"), moto_s3.environment) as session:
            yield session
    except FileNotFoundError as error:
        if os.environ.get("AVAL_REQUIRE") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def bundle() -> bytes:
    """A packed bundle of trees."""
    return packed(make_bundle(symmetric_trees(40, 5)))


@pytest.fixture(scope="session")
def scorer(bundle: bytes) -> Scorer:
    """What an executor makes of the bundle."""
    return unpacked(bundle)
