"""The weekly retraining as an Airflow DAG. It only calls `aval` and turns exit codes into branches.

Nothing happens when the file is read: which use case it is about and where `aval` is installed are Airflow variables,
read when a task runs.
"""

from __future__ import annotations

import json
import logging
import subprocess
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Variable, dag, task
from airflow.sdk.exceptions import AirflowException

LOG = logging.getLogger(__name__)

# Exit codes of `aval retrain`; everything else is a failure of the task.
DONE, SAID_NO, NOTHING_YET, WAITING, AT_WORK, PERSON = 0, 1, 3, 4, 5, 6
HOURS = 6
END = "retrain_ML_model_end"


def aval_retrain(*options: str) -> dict[str, Any]:
    """Run `aval retrain` and return what it answered; raises `AirflowException` for wrong use or a crash.

    The variables: `aval_use_case`; `aval_program` where `aval` is not on the path; `aval_retrain_options` for more
    options, such as `--approval`. The environment of the worker is the command's: AVAL_HOME and the rest.
    """
    program = Variable.get("aval_program", default="aval")
    use_case = Variable.get("aval_use_case")
    command = [program, "retrain", use_case, *options, "--json"]
    LOG.info("running %s", command)
    done = subprocess.run(command, capture_output=True, text=True, timeout=HOURS * 3_600, check=False)  # noqa: S603
    LOG.info("exit code %s: %s", done.returncode, done.stdout)
    try:
        if done.returncode in (DONE, SAID_NO, NOTHING_YET, WAITING, AT_WORK, PERSON):
            return dict(json.loads(done.stdout))
    except ValueError:
        pass  # a start that fails ends with Python's own 1, and answers nothing
    raise AirflowException(f"{command} ended with {done.returncode}: {done.stderr.strip()}")


@dag(
    dag_id="retrain_model_pipeline",
    schedule="0 2 * * 1",
    start_date=pendulum.datetime(2026, 1, 5, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["aval"],
    doc_md=__doc__,
)
def retrain_model_pipeline() -> None:
    """Every Monday at 02:00: enough decisions, a reason, then the retraining itself."""
    start = EmptyOperator(task_id="retrain_ML_model_start")
    # Reached by every branch; only a failed task keeps it from being run.
    end = EmptyOperator(task_id=END, trigger_rule="none_failed_min_one_success")

    @task.branch
    def check_retrain_data_threshold() -> str:
        """Go on where the last week had enough decisions, or a retraining was left open."""
        return "detect_data_drift" if aval_retrain("--only", "enough")["exit_code"] == DONE else END

    @task.branch
    def detect_data_drift() -> str:
        """Go on where the evidence or the calendar gives a reason; fail where a person should look first."""
        answer = aval_retrain("--only", "reason")
        if answer["exit_code"] == PERSON:
            raise AirflowException(answer["text"])
        return "retraining_ML_model" if answer["exit_code"] == DONE else END

    # What was broken off is taken up where it was left.
    @task(retries=1, retry_delay=timedelta(minutes=10))
    def retraining_ML_model() -> str:  # noqa: N802  # the name that the step has always had
        """Retrain; that the champion stays, or that somebody has to approve, is an answer and no failure."""
        more = Variable.get("aval_retrain_options", default="").split()
        # A story that was left open ends first: the options may be meant for the next one.
        return str(aval_retrain("--take-up", *more)["text"])

    enough, reason, retraining = check_retrain_data_threshold(), detect_data_drift(), retraining_ML_model()
    start >> enough >> [reason, end]
    reason >> [retraining, end]
    retraining >> end


retrain_model_pipeline()
