"""What a training job does before its command: MLflow's database is made where there is none yet."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import unquote, urlsplit

import psycopg

from tests.infra.terraform.program import INFRA
from tests.postgres import Postgres

SCRIPT = INFRA / "modules" / "job" / "mlflow_database.py"


def test_the_database_is_made_once_by_jobs_that_start_together_and_left_alone_from_then_on(
    postgres: Postgres,
) -> None:
    address = urlsplit(postgres.url("aval"))
    named = {
        "PGHOST": str(address.hostname),
        "PGPORT": str(address.port),
        "PGUSER": str(address.username),
        "PGPASSWORD": unquote(str(address.password)),
    }
    for _ in range(2):
        at_once = [
            subprocess.Popen([sys.executable, str(SCRIPT)], env={**os.environ, **named}) for _ in range(3)
        ]
        assert [job.wait(60) for job in at_once] == [0, 0, 0]
    with psycopg.connect(postgres.url("aval").removesuffix("aval") + "mlflow") as connection:
        assert connection.info.dbname == "mlflow"
