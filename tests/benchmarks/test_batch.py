from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from service.scoring.validation import Validator
from tests.benchmarks.batch_files import records_file
from tests.benchmarks.batch_table import Row, markdown, ratios
from training.data import Cases, generate_cases
from training.use_cases import use_cases

WATCH = Path(__file__).with_name("watch.py")
MEGABYTES = 2**20


@pytest.fixture(scope="module")
def cases() -> Cases:
    return generate_cases(use_cases()["credit_risk"], 2_000, seed=0)


def watched(folder: Path, program: str) -> dict[str, float]:
    command: list[str | Path] = [sys.executable, WATCH, folder / "output", sys.executable, "-c", program]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(answer.stdout)
    return found


def test_the_memory_of_a_child_is_counted_with_that_of_its_parent(tmp_path: Path) -> None:
    hold = "held = b'x' * {}; import time; time.sleep(0.6)"
    child = hold.format(60 * MEGABYTES)
    program = f"import subprocess, sys; h = b'x' * {60 * MEGABYTES}; subprocess.run([sys.executable, '-c', {child!r}])"
    assert watched(tmp_path, program)["peak_bytes"] > 120 * MEGABYTES


def test_a_peak_between_two_looks_is_seen_too(tmp_path: Path) -> None:
    assert watched(tmp_path, f"b'x' * {200 * MEGABYTES}")["peak_bytes"] > 200 * MEGABYTES


def test_the_cost_of_whoever_watches_is_not_counted(tmp_path: Path) -> None:
    found = watched(tmp_path, "import time; time.sleep(0.5)")
    assert found["seconds"] >= 0.5
    assert found["processor_seconds"] < 0.4
    assert found["peak_bytes"] < 40 * MEGABYTES


def test_a_command_that_fails_is_told_with_its_exit_code(tmp_path: Path) -> None:
    assert watched(tmp_path, "print('why'); raise SystemExit(3)")["exit_code"] == 3
    assert (tmp_path / "output").read_text() == "why\n"


def test_files_of_both_formats_hold_the_same_records_and_hardly_two_are_equal(
    cases: Cases, tmp_path: Path
) -> None:
    parquet = pq.read_table(records_file(cases, 20_000, ".parquet", tmp_path))
    csv = pc.read_csv(records_file(cases, 20_000, ".csv", tmp_path))
    assert parquet.select(["person_income", "loan_intent"]) == csv.select(["person_income", "loan_intent"])
    assert parquet.num_rows == 20_000
    assert parquet.to_pandas().drop_duplicates().shape[0] > 19_900


def test_a_larger_file_begins_with_the_records_of_a_smaller_one(cases: Cases, tmp_path: Path) -> None:
    small, large = (pq.read_table(records_file(cases, rows, ".parquet", tmp_path)) for rows in (1_000, 5_000))
    assert large.slice(0, 1_000) == small


def test_the_contract_refuses_about_as_many_records_as_of_the_public_file(
    cases: Cases, tmp_path: Path
) -> None:
    table = pq.read_table(records_file(cases, 100_000, ".parquet", tmp_path))
    refused = ~Validator(cases.use_case.contract).check_table(table).valid
    assert 5 <= refused.sum() <= 50


def row(name: str, rows: int, per_second: float) -> Row:
    return Row(name, ".parquet", rows, 1.0, per_second, 1.0, 300.4, 3)


def test_the_table_has_a_dash_where_a_way_was_not_given_the_file() -> None:
    rows = [row("aval", 100, 5e4), row("aval", 1000, 5e5), row("pandas", 100, 4e4)]
    assert markdown(rows)[2:] == [
        "| this, Parquet | 50,000, 300 | 500,000, 300 |",
        "| pandas loop, Parquet | 40,000, 300 | - |",
    ]


def test_each_way_is_compared_by_the_largest_file_that_it_had() -> None:
    rows = [row("aval", 100, 5e4), row("pandas", 100, 4e4), row("aval", 1000, 5e5)]
    assert ratios(rows)[1:] == ["aval .parquet, 1,000 rows: 12.50 x pandas"]
