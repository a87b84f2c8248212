from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import jsonschema
import pytest

from service.scoring.schema import json_schema
from service.scoring.scorer import Scorer
from service.scoring.validation import Validator
from tests.load.schema_records import records_of
from tests.processes import PROGRAMS, free_port
from tests.service.records import records
from training.use_cases import use_cases

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
NAMES = sorted(use_cases())


def locust(host: str, seconds: int, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Locust as a process of its own: imported here it would patch this one's sockets and threads."""
    options = ["--headless", "--only-summary", "-u", "4", "-r", "4", "-t", f"{seconds}s", "--host", host]
    return subprocess.run(
        [PROGRAMS / "locust", "-f", LOCUSTFILE, *options, *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_a_service_that_answers_all_in_time_passes(served: Callable[[str], str]) -> None:
    run = locust(served("credit_risk"), 5, "--most-p99", "20000")
    assert run.returncode == 0, run.stderr
    assert all(path in run.stderr for path in ("/predict", "/predict_bulk", "/explain"))


def test_a_service_that_is_too_slow_fails(served: Callable[[str], str]) -> None:
    run = locust(served("credit_risk"), 2, AVAL_LOAD_P99="0.001")
    assert run.returncode == 1
    assert "p99 of /predict is" in run.stderr


def test_records_that_are_refused_fail(served: Callable[[str], str], tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps({**records("credit_risk")[0], "loan_grade": "Z"}) + "\n")
    run = locust(served("credit_risk"), 2, "--records", str(file), "--most-p99", "20000")
    assert run.returncode == 1
    assert "answers were errors" in run.stderr
    assert "every record" in run.stderr
    assert "loan_grade='Z'" in run.stderr


def test_a_service_that_is_not_there_fails() -> None:
    run = locust(f"http://127.0.0.1:{free_port()}", 2)
    assert run.returncode == 1
    assert "nothing was answered" in run.stderr


@pytest.mark.parametrize("use_case", NAMES)
def test_records_made_from_a_schema_are_taken_by_it(use_case: str) -> None:
    contract = use_cases()[use_case].contract
    schema = json_schema(contract)
    validator = jsonschema.Draft202012Validator(schema)
    made = records_of(schema, 200)
    assert made[0] == schema["examples"][0]
    for record in made:
        validator.validate(record)
        Validator(contract).check_record(record)
    assert len({json.dumps(record) for record in made}) > 190


@pytest.mark.parametrize("use_case", ["credit_risk", "german_credit"])
def test_records_made_from_a_schema_are_decided_in_more_than_one_way(
    quick_scorer: Callable[..., Scorer], use_case: str
) -> None:
    scorer = quick_scorer(use_case)
    made = records_of(json_schema(scorer.contract), 200)
    assert len({scorer.score(record).decision for record in made}) > 1


def test_the_published_schema_is_enough(served: Callable[[str], str]) -> None:
    schema = httpx.get(f"{served('credit_risk')}/schema").json()
    assert records_of(schema, 3) == records_of(json_schema(use_cases()["credit_risk"].contract), 3)
