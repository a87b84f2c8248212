"""The DAG in a real Airflow, which calls the real `aval`."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.model_store import find_champion, load_scorer
from tests.infra.environments import programs_of
from tests.processes import PROGRAMS
from tests.training.registries import USE_CASE
from tests.training.retrain.stories import Home, decide, declared, home_with_champion, riskier_than_it_says
from training.train import Trained

DAGS = Path(__file__).resolve().parents[3] / "infra" / "airflow"
STEPS = (
    "retrain_ML_model_start",
    "check_retrain_data_threshold",
    "detect_data_drift",
    "retraining_ML_model",
    "retrain_ML_model_end",
)


@dataclass(frozen=True)
class Airflow:
    """An Airflow with nothing in it but the DAG."""

    programs: Path
    home: Path

    def run(self, **environment: str) -> dict[str, str]:
        """Run the DAG once and return the state of each task."""
        self.call("dags", "test", "retrain_model_pipeline", **environment)
        with sqlite3.connect(self.home / "airflow.db") as database:
            query = (
                "SELECT task_id, state FROM task_instance WHERE run_id = "
                "(SELECT run_id FROM dag_run ORDER BY start_date DESC LIMIT 1)"
            )
            return dict(database.execute(query).fetchall())

    def call(self, *arguments: str, **environment: str) -> str:
        """Run a command of Airflow and return what it printed."""
        done = subprocess.run(
            [self.programs / "airflow", *arguments],
            env={**self._environment, **environment},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
        return done.stdout

    @property
    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AVAL_", "PYTHON"))}
        return {
            **kept,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
        }


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    """A real Airflow 3; where it cannot be installed a test is skipped, and fails under AVAL_REQUIRE=1."""
    try:
        found = Airflow(programs_of("airflow"), tmp_path_factory.mktemp("airflow"))
    except (subprocess.SubprocessError, OSError) as error:
        reason = f"Airflow cannot be installed: {getattr(error, 'stderr', '') or error}"
        if os.environ.get("AVAL_REQUIRE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    found.call("db", "migrate")
    found.call("dags", "reserialize")
    return found


@pytest.fixture
def aval(tmp_path: Path, quick: Callable[..., Trained]) -> dict[str, str]:
    """The environment of an `aval` with a champion and a log, as Airflow's worker gets it."""
    home = home_with_champion(tmp_path, quick)
    return {
        "AVAL_HOME": str(tmp_path),
        "BENTOML_HOME": str(home.store),
        "BENTOML_DO_NOT_TRACK": "True",
        "AIRFLOW_VAR_AVAL_PROGRAM": str(PROGRAMS / "aval"),
        "AIRFLOW_VAR_AVAL_USE_CASE": str(declared(tmp_path)),
        "AIRFLOW_VAR_AVAL_RETRAIN_OPTIONS": "--quick",
    }


def test_a_week_with_too_few_decisions_goes_straight_to_the_end(
    airflow: Airflow, aval: dict[str, str]
) -> None:
    home = Home(Path(aval["AVAL_HOME"]), Path(aval["BENTOML_HOME"]))
    decide(home, load_scorer(USE_CASE, home.store), riskier_than_it_says, rows=50, days=(6, 1), now=now())
    states = airflow.run(**aval)
    assert [states[step] for step in STEPS] == ["success", "success", "skipped", "skipped", "success"]


def test_degraded_probabilities_go_through_every_step_to_a_new_champion(
    airflow: Airflow, aval: dict[str, str]
) -> None:
    home = Home(Path(aval["AVAL_HOME"]), Path(aval["BENTOML_HOME"]))
    champion = load_scorer(USE_CASE, home.store)
    decide(home, champion, riskier_than_it_says, now=now())
    states = airflow.run(**aval)
    assert states == dict.fromkeys(STEPS, "success")
    pointer = find_champion(USE_CASE, home.store)
    assert pointer is not None
    assert pointer.model != champion.tag
    assert pointer.why.startswith("retraining ")


def test_wrong_use_fails_the_task_with_what_aval_said(airflow: Airflow, aval: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="no_such_case"):
        airflow.run(**{**aval, "AIRFLOW_VAR_AVAL_USE_CASE": "no_such_case"})


def test_the_dag_is_read_without_anything_that_aval_needs(airflow: Airflow) -> None:
    with sqlite3.connect(airflow.home / "airflow.db") as database:
        assert database.execute("SELECT dag_id FROM dag").fetchall() == [("retrain_model_pipeline",)]
        assert database.execute("SELECT * FROM import_error").fetchall() == []


def now() -> int:
    """Return the time in microseconds since 1970, UTC."""
    return time.time_ns() // 1_000
