"""A Spark of this machine with executors of their own, as a cluster has them, which leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import psutil

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHECKOUT = Path(__file__).resolve().parents[2]
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
# Two executors of one core and 1 GB.
CLUSTER = "local-cluster[2,1,1024]"
# What Java would learn of the code to run it faster takes longer than the tests do.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@contextmanager
def running_cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[SparkSession]:
    """Yield a session whose executors have this in their environment.

    Raises `FileNotFoundError` where Java or pyspark is not installed.
    """
    _expect_installed()
    from pyspark.sql import SparkSession

    # For the driver, that of `spark-submit` too.
    os.environ.setdefault("SPARK_SUBMIT_OPTS", SHORT_LIVED)
    os.environ["SPARK_HOME"] = str(_home(folder / "home"))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": "2",
        "spark.submit.pyFiles": str(code_archive(folder / "aval.zip")),
        "spark.executor.extraJavaOptions": SHORT_LIVED,
        # Java's own log would drown pytest's.
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_log_settings(folder).as_uri()}",
        # As unlike any zone that a result may depend on.
        "spark.sql.session.timeZone": "Pacific/Chatham",
        **{f"spark.executorEnv.{name}": value for name, value in environment.items()},
    }
    builder = SparkSession.builder.master(CLUSTER).appName("aval tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()


def code_archive(path: Path) -> Path:
    """Write `service` as the zip file that `spark-submit --py-files` takes, ."""
    with ZipFile(path, "w") as archive:
        for source in sorted(CHECKOUT.glob("service/**/*.py")):
            archive.write(source, source.relative_to(CHECKOUT))
    return path


def executors(session: SparkSession) -> list[psutil.Process]:
    """Return the processes of this session's executors."""
    # Java is a child of this process, and the executors are its children: nobody else's are among them.
    started = session.sparkContext.applicationId
    children = psutil.Process().children(recursive=True)
    found = [child for child in children if {EXECUTOR, started} <= set(_command(child))]
    return sorted(found, key=lambda child: child.pid)


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:  # Python's workers come and go
        return []


def _home(folder: Path) -> Path:
    """A Spark whose workers write beside the installed one, not into it."""
    import pyspark

    folder.mkdir(parents=True)
    for entry in Path(pyspark.__path__[0]).iterdir():
        if entry.name != "work":
            (folder / entry.name).symlink_to(entry)
    return folder


def _log_settings(folder: Path) -> Path:
    settings = folder / "log4j2.properties"
    lines = {
        "rootLogger.level": "warn",
        "rootLogger.appenderRef.file.ref": "file",
        "appender.file.type": "File",
        "appender.file.name": "file",
        "appender.file.fileName": str(folder / "spark.log"),
        "appender.file.layout.type": "PatternLayout",
        "appender.file.layout.pattern": "%d %p %c{1} %m%n%ex",
    }
    settings.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return settings


def _expect_installed() -> None:
    if shutil.which("java") is None:
        raise FileNotFoundError("no java on the path; install it: apt-get install openjdk-17-jre-headless")
    try:
        import pyspark  # noqa: F401
    except ModuleNotFoundError:
        raise FileNotFoundError("no pyspark; install the extra: pip install -e '.[spark]'") from None
