"""The jobs for real: what each schedule starts is run here, container after container, on real records."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.infra.terraform.account import CHECKOUT, Account
from tests.infra.terraform.deployment import NAME, Deployment
from tests.infra.terraform.playing import Machine, play, scheduled, speak_tls, with_command
from tests.infra.terraform.program import missing
from tests.postgres import PASSWORD, running_postgres
from tests.processes import Home

USE_CASE = "credit_risk"
DATA = "credit_risk_dataset.csv"
JOB = "credit-risk-score"
ROWS = 1_000
# As the runbook has a command of ours run by the retraining's task, whose program is sh.
BY_HAND = ("sh", "-euc", 'exec aval "$@"', "aval")


@pytest.fixture(scope="module")
def home(quick_home: Callable[[str], Home]) -> Home:
    """A home whose store has a champion, as the serving image has."""
    return quick_home(USE_CASE)


@pytest.fixture(scope="module")
def records(home: Home, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Records of one day with their outcomes: real ones where they are to be had, generated ones elsewhere."""
    folder = Path(os.environ.get("AVAL_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    file = folder / DATA
    if not file.is_file():
        file = tmp_path_factory.mktemp("records") / DATA
        made = home.aval("sample", USE_CASE, "--rows", str(ROWS), "-o", file)
        assert made.returncode == 0, made.stderr
    return pd.read_csv(file).tail(ROWS)


@pytest.fixture(scope="module")
def machine(deployed: Deployment, home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """What stands in the place of Fargate and Aurora; the database has Aurora's name, and a certificate for it."""
    (cluster,) = deployed.account.everything("rds", "describe_db_clusters", "DBClusters")
    _know_password(deployed.account, cluster["MasterUserSecret"]["SecretArn"])
    image = {"BENTOML_HOME": str(home.bentoml_home), "BENTOML_DO_NOT_TRACK": "True"}
    try:
        with running_postgres() as postgres:
            speak_tls(postgres, *deployed.authority.vouch(cluster["Endpoint"]))
            postgres.url("aval")
            address = {"PGHOSTADDR": "127.0.0.1", "PGPORT": str(postgres.port)}
            given = {**image, **address, **deployed.account.environment}
            yield Machine(tmp_path_factory.mktemp("machine"), postgres.port, given)
    except FileNotFoundError as error:
        missing(str(error))


def test_the_nightly_job_scores_yesterdays_file_from_bucket_to_bucket(
    deployed: Deployment, machine: Machine, records: pd.DataFrame
) -> None:
    account = deployed.account
    schedule = _schedule(account, JOB)
    bucket = deployed.terraform.outputs()["buckets"]["data"]
    day = _yesterday(schedule["ScheduleExpressionTimezone"])
    s3 = account.client("s3")
    name = f"incoming/{USE_CASE}/{day}/applications.csv"
    s3.put_object(Bucket=bucket, Key=name, Body=records.to_csv(index=False).encode())

    done = play(account, scheduled(account, schedule), machine)

    assert done.returncode == 0, done.stdout + done.stderr
    found = _contents(account, bucket, f"scored/{USE_CASE}/{day}/")
    (manifest,) = [json.loads(body) for key, body in found.items() if key.endswith("manifest.json")]
    assert manifest["rows_in"] == ROWS
    assert manifest["rows_scored"] + manifest["rows_quarantined"] == ROWS
    assert manifest["rows_scored"] > 0.9 * ROWS
    scores = [body for key, body in found.items() if key.endswith(".parquet") and "quarantine" not in key]
    assert sum(map(_rows, scores)) == manifest["rows_scored"]
    assert _logged(deployed, machine) == manifest["rows_scored"]


def test_a_day_that_was_scored_is_not_scored_again(deployed: Deployment, machine: Machine) -> None:
    account = deployed.account
    before = _logged(deployed, machine)
    done = play(account, scheduled(account, _schedule(account, JOB)), machine)
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert _logged(deployed, machine) == before


def test_a_job_runs_with_the_champion_of_a_release_that_a_person_took_in(
    deployed: Deployment, machine: Machine, home: Home
) -> None:
    account = deployed.account
    release = f"s3://{deployed.terraform.outputs()['buckets']['releases']}/{USE_CASE}"
    exported = home.aval("export", USE_CASE, release, **account.environment)
    assert exported.returncode == 0, exported.stdout + exported.stderr
    retrain = scheduled(account, _schedule(account, "credit-risk-retrain"))
    taken_in = play(account, with_command(retrain, *BY_HAND, "import", release), machine)
    assert taken_in.returncode == 0, taken_in.stdout + taken_in.stderr
    for job in ("credit-risk-drift", "credit-risk-retrain"):
        done = play(account, scheduled(account, _schedule(account, job)), machine)
        # Nothing has come of these decisions yet: an answer, of which nobody is woken.
        assert done.returncode in _answers(account, job), done.stdout + done.stderr
        assert done.returncode != 0, done.stdout + done.stderr


def _answers(account: Account, job: str) -> list[int]:
    """Return the exit codes of a job that raise no alarm, as its rule has them."""
    rule = account.client("events").describe_rule(Name=f"{NAME}-{job}-failed")
    either = json.loads(rule["EventPattern"])["detail"]["$or"]
    (codes,) = [item["containers"]["exitCode"][0]["anything-but"] for item in either if "containers" in item]
    return list(codes)


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


def _contents(account: Account, bucket: str, prefix: str) -> dict[str, bytes]:
    s3 = account.client("s3")
    listed = account.everything("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=prefix)
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in listed}


def _logged(deployed: Deployment, machine: Machine) -> int:
    """Return how many decisions the log holds in its files, once it was found to be what was written."""
    definition = scheduled(deployed.account, _schedule(deployed.account, JOB))
    verified = play(deployed.account, with_command(definition, "aval", "log", "verify"), machine)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    bucket = deployed.terraform.outputs()["buckets"]["decisions"]
    segments = _contents(deployed.account, bucket, "segments/")
    return sum(_rows(body) for key, body in segments.items() if key.endswith(".parquet"))


def _rows(body: bytes) -> int:
    return int(pq.read_metadata(BytesIO(body)).num_rows)
