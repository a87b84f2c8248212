from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.errors import WrongUse
from service.scoring.scorer import Scorer
from service.spark import session
from tests.service.batch.batch_commands import Commands, tree
from tests.service.batch.batch_scorers import random_table, write_records
from tests.spark.clusters import CHECKOUT, code_archive
from tests.spark.test_engine import files_in
from tests.spark.test_frames import spoilt

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TYPED = ("small_loans", "in.parquet", "out/scores.parquet", "--reasons")


def test_spark_submit_leaves_what_the_images_command_leaves_segments_of_the_log_included(
    spark: SparkSession, commands: Commands, tmp_path: Path
) -> None:
    import pyspark

    submit = [
        str(Path(pyspark.__path__[0]) / "bin" / "spark-submit"),
        *("--master", "local[1]", "--conf", "spark.ui.enabled=false"),
        *("--conf", "spark.driver.bindAddress=127.0.0.1", "--conf", "spark.driver.host=127.0.0.1"),
        *("--conf", f"spark.local.dir={tmp_path}/local-dir"),
        *("--py-files", str(code_archive(tmp_path / "aval.zip"))),
        str(CHECKOUT / "service" / "spark" / "__main__.py"),
    ]
    home = tmp_path / "spark"
    told = run(submit, home, commands, PYSPARK_PYTHON=sys.executable)
    local = tmp_path / "image"
    summary = run([sys.executable, "-m", "service.batch"], local, commands, PYTHONPATH=str(CHECKOUT))[0]
    # What Python and Java say elsewhere, spark-submit says on standard output too.
    assert summary in told
    assert files_in(home / "out") == files_in(local / "out")
    segments = [tree(folder / "aval" / "segments") for folder in (home, local)]
    assert segments[0]
    assert segments[0] == segments[1]


def run(command: list[str], folder: Path, commands: Commands, **more: str) -> list[str]:
    """Run the command in a folder of its own and return the lines that it says."""
    (folder / "out").mkdir(parents=True)
    write_records(folder / "in.parquet", spoilt(random_table(500)))
    kept = {name: value for name, value in commands.environment.items() if name != "SPARK_HOME"}
    environment = {**kept, "AVAL_HOME": str(folder / "aval"), **more}
    done = subprocess.run(
        [*command, *TYPED],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_java_one_line_says_what_is_needed(commands: Commands, tmp_path: Path) -> None:
    pytest.importorskip("pyspark")
    write_records(tmp_path / "in.parquet", random_table(10))
    (tmp_path / "out").mkdir()
    environment = {**commands.environment, "PYTHONPATH": str(CHECKOUT), "JAVA_HOME": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", "service.spark", *TYPED],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 2
    assert last.startswith("aval: error: Spark ")
    assert "needs Java 17 or 21" in last


def test_without_pyspark_the_command_says_what_to_install(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "find_spec", lambda _: None)
    with pytest.raises(WrongUse) as refused:
        session.on_spark(scorer)
    assert str(refused.value) == "--engine spark needs pyspark; install it: pip install 'aval[spark]'"
