"""Which engine scores: this machine, or Spark."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

from service.batch.run import Engine, score_locally
from service.errors import WrongUse
from service.model_store import read_bundle
from service.scoring.scorer import Scorer


def engine_called(name: str, scorer: Scorer) -> Engine:
    """Return the engine of this name for runs of this scorer; raises `WrongUse` where Spark cannot be had."""
    return score_locally if name == "local" else _on_spark(scorer)


def _on_spark(scorer: Scorer) -> Engine:
    # By name: Spark's door is built on this one, and only it knows pyspark.
    door, engines = import_module("service.spark"), import_module("service.spark.engine")
    bundle = door.packed(read_bundle(scorer.tag), scorer.policy)
    engine: Engine = engines.spark_engine(_session(), bundle)
    return engine


def _session() -> Any:
    """Return the session that there is, as under spark-submit, or one of this machine's own."""
    # Workers of this machine run what this process runs; a cluster says so itself.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        return import_module("pyspark.sql").SparkSession.builder.appName("aval").getOrCreate()
    except ImportError:
        raise WrongUse("--engine spark needs pyspark; run: pip install 'aval[spark]'") from None
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise WrongUse(f"Spark cannot be started: {text}; it needs Java 17 or 21") from None
