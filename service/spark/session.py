"""The session in which a command scores: the cluster's, or one of this machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from service.batch import Engine, Run
from service.errors import WrongUse
from service.model_store import read_bundle
from service.scoring.scorer import Scorer
from service.spark.engine import spark_engine
from service.spark.map_in_arrow import no_advice_on_pandas
from service.spark.packing import packed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def on_spark(scorer: Scorer) -> Engine:
    """Return the engine for a scorer of the model store, in the session that is active or else in a new one.

    A new session starts when there is something to score and ends when that is done. It has the settings of
    `spark-submit` or of the cluster, and without any of them the processors of this machine. Raises `WrongUse` where
    pyspark is missing; the engine raises it where Java is.
    """
    if find_spec("pyspark") is None:
        raise WrongUse("--engine spark needs pyspark; install it: pip install 'aval[spark]'")
    bundle = packed(read_bundle(scorer.tag), scorer.policy)

    def engine(run: Run) -> int:
        with _session(f"aval {scorer.tag}") as session:
            return spark_engine(session, bundle)(run)

    return engine


@contextmanager
def _session(name: str) -> Iterator[SparkSession]:
    with no_advice_on_pandas():
        from pyspark.sql import SparkSession

        active = SparkSession.getActiveSession()
        session = active or _started(SparkSession.builder.appName(name))
    try:
        yield session
    finally:
        if active is None:
            session.stop()


def _started(builder: SparkSession.Builder) -> SparkSession:
    from pyspark.errors import PySparkException

    try:
        # Our own progress is told by whoever asked for the run.
        session = builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()
    except PySparkException as error:
        raise WrongUse(
            f"Spark did not start: {' '.join(str(error).split())} It needs Java 17 or 21, on the path or in JAVA_HOME, "
            "such as Debian's openjdk-17-jre-headless"
        ) from None
    context = getattr(session, "sparkContext", None)
    if context is not None and context.master.startswith("local"):
        # The `python3` of the path may be another one.
        context.pythonExec = sys.executable
    return session
