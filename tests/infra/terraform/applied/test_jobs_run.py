"""The jobs for real: what each schedule starts is run here, container after container, on real records."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.infra.terraform.account import Account
from tests.infra.terraform.deployment import Deployment
from tests.infra.terraform.playing import Machine, play, scheduled, with_command
from tests.postgres import PASSWORD, Postgres
from tests.processes import Home

USE_CASE = "credit_risk"
DATA = "credit_risk_dataset.csv"
ROWS = 1_000


@pytest.fixture(scope="module")
def records(real_data: Path) -> pd.DataFrame:
    """Records of one day, with what the contract refuses among them, as they come from the file."""
    return pd.read_csv(real_data / DATA).tail(ROWS)


@pytest.fixture(scope="module")
def machine(
    account: Account, postgres: Postgres, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Machine:
    """A machine whose model store has a champion, as both images and the jobs' file system have, and a database."""
    folder = tmp_path_factory.mktemp("machine")
    home = Home(folder / "image")
    home.folder.mkdir()
    trained = home.aval("train", USE_CASE, "--data", real_data / DATA, "--quick")
    assert trained.returncode == 0, trained.stderr
    promoted = home.aval("promote", USE_CASE, "--why", "tests")
    assert promoted.returncode == 0, promoted.stderr
    postgres.url("aval")
    (cluster,) = account.everything("rds", "describe_db_clusters", "DBClusters")
    _know_password(account, cluster["MasterUserSecret"]["SecretArn"])
    database = (cluster["Endpoint"], f"127.0.0.1:{postgres.port}")
    return Machine(folder, database, {**account.environment, **_of_the_image(home)})


def test_the_nightly_job_scores_yesterdays_file_from_bucket_to_bucket(
    deployed: Deployment, machine: Machine, records: pd.DataFrame
) -> None:
    account = deployed.account
    schedule = _schedule(account, "nightly")
    bucket = deployed.terraform.outputs()["buckets"]["data"]
    day = _yesterday(schedule["ScheduleExpressionTimezone"])
    s3 = account.client("s3")
    name = f"incoming/{USE_CASE}/{day}/applications.csv"
    s3.put_object(Bucket=bucket, Key=name, Body=records.to_csv(index=False).encode())

    done = play(account, scheduled(account, schedule), machine)

    assert done.returncode == 0, done.stdout + done.stderr
    found = _contents(account, bucket, f"scored/{USE_CASE}/{day}/")
    (manifest,) = [json.loads(body) for key, body in found.items() if key.endswith(".manifest.json")]
    assert manifest["rows_in"] == ROWS
    assert manifest["rows_scored"] + manifest["rows_quarantined"] == ROWS
    assert manifest["rows_scored"] > 0.9 * ROWS
    scores = [body for key, body in found.items() if key.endswith(".parquet") and "quarantine" not in key]
    assert sum(map(_rows, scores)) == manifest["rows_scored"]
    assert _logged(deployed, machine) == manifest["rows_scored"]


def test_a_day_that_was_scored_is_not_scored_again(deployed: Deployment, machine: Machine) -> None:
    account = deployed.account
    before = _logged(deployed, machine)
    done = play(account, scheduled(account, _schedule(account, "nightly")), machine)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert _logged(deployed, machine) == before


@pytest.mark.parametrize("job", ["drift", "retrain"])
def test_a_job_that_learns_from_decisions_says_when_there_are_too_few(
    deployed: Deployment, machine: Machine, job: str
) -> None:
    account = deployed.account
    schedule = _schedule(account, job)
    done = play(account, scheduled(account, schedule), machine)
    assert done.returncode in (0, 3), done.stdout + done.stderr


def _schedule(account: Account, name: str) -> dict[str, Any]:
    client = account.client("scheduler")
    listed = account.everything("scheduler", "list_schedules", "Schedules")
    (found,) = [item for item in listed if item["Name"] == name]
    schedule: dict[str, Any] = client.get_schedule(Name=name, GroupName=found["GroupName"])
    return schedule


def _yesterday(zone: str) -> str:
    return (datetime.now(ZoneInfo(zone)).date() - timedelta(days=1)).isoformat()


def _know_password(account: Account, secret: str) -> None:
    """Put the password of this database where RDS keeps that of its own."""
    text_of_it = json.dumps({"username": "aval", "password": PASSWORD})
    account.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=text_of_it)


def _of_the_image(home: Home) -> dict[str, str]:
    """What an image has in its environment from the start."""
    own = ("AVAL_HOME", "BENTOML_HOME", "BENTOML_DO_NOT_TRACK")
    return {name: value for name, value in home.environment().items() if name in own}


def _contents(account: Account, bucket: str, prefix: str) -> dict[str, bytes]:
    s3 = account.client("s3")
    listed = account.everything("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}


def _logged(deployed: Deployment, machine: Machine) -> int:
    """Return how many decisions the log holds in its files, once it was found to be what was written."""
    definition = scheduled(deployed.account, _schedule(deployed.account, "nightly"))
    verified = play(deployed.account, with_command(definition, "aval", "log", "verify"), machine)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    bucket = deployed.terraform.outputs()["buckets"]["decisions"]
    segments = _contents(deployed.account, bucket, "segments/")
    return sum(_rows(body) for key, body in segments.items() if key.endswith(".parquet"))


def _rows(body: bytes) -> int:
    return int(pq.read_metadata(BytesIO(body)).num_rows)
