from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from service.batch import __main__ as command
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import GOOD, random_table, write_lines, write_records

CHECKOUT = Path(__file__).resolve().parents[3]

STORE = """
from service.model_store import Champion, save_bundle, set_champion
from service.settings import Settings
from tests.service.batch.batch_scorers import linear_predictor, make_bundle

tag = save_bundle(make_bundle(linear_predictor()), "small_loans", {})
home = Settings.from_environment().bentoml_home
set_champion("small_loans", Champion(tag, "1", "2026-11-20T00:00:00Z", "test"), home)
"""


@pytest.fixture
def stored(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "load_scorer", lambda use_case, home: scorer)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a model store that holds a champion."""
    home = tmp_path_factory.mktemp("bentoml")
    environment = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    subprocess.run([sys.executable, "-c", STORE], cwd=CHECKOUT, env=environment, check=True)
    return environment


def start(environment: dict[str, str], *arguments: object) -> subprocess.Popen[str]:
    parts = [sys.executable, "-m", "service.batch", "small_loans", *map(str, arguments)]
    return subprocess.Popen(
        parts, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_command_scores_a_file_with_the_champion(
    environment: dict[str, str], scorer: Scorer, tmp_path: Path
) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD, GOOD.replace("40", "12"))
    with start(environment, source, tmp_path / "out.csv", "--reasons") as process:
        output, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert output.startswith(f"1 of 2 rows scored with {scorer.tag} (")
    assert output.endswith("into out.csv; 1 quarantined in out.csv.quarantine.csv\n")
    assert "reasons" in (tmp_path / "out.csv").read_text("utf-8").splitlines()[0]


def test_a_use_case_that_nobody_promoted_is_one_line_and_exit_code_2(
    environment: dict[str, str],
) -> None:
    parts = [sys.executable, "-m", "service.batch", "other", "in.csv", "out.csv"]
    done = subprocess.run(parts, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("aval: error: other has no champion in the model store")
    assert done.stderr.count("\n") == 1


def test_a_polite_request_to_end_leaves_nothing_behind(environment: dict[str, str], tmp_path: Path) -> None:
    source = write_records(tmp_path / "in.parquet", pa.concat_tables([random_table(10_000)] * 60))
    with start(environment, source, tmp_path / "out.csv") as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out.csv.*/out.csv")) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.usefixtures("stored")
def test_an_unreadable_file_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text('"a\nb",c\n')
    assert command.main(["small_loans", str(tmp_path / "in.csv"), str(tmp_path / "out.csv")]) == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert errors.startswith(f"aval: error: {tmp_path}/in.csv: age is missing")


@pytest.mark.usefixtures("stored")
def test_json_prints_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_lines(tmp_path / "in.csv", GOOD)
    assert command.main(["small_loans", str(source), str(tmp_path / "out.csv"), "--json"]) == 0
    manifest = (tmp_path / "out.csv.manifest.json").read_text("utf-8")
    assert json.loads(capsys.readouterr().out) == json.loads(manifest)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["small_loans"], "the following arguments are required: INPUT, OUTPUT"),
        (["small_loans", "in.csv", "out.csv", "--fast"], "unrecognized arguments: --fast"),
        (
            ["small_loans", "in.csv", "out.csv", "--threads", "two"],
            "argument --threads: invalid int value: 'two'",
        ),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert command.main(arguments) == 2
    output, errors = capsys.readouterr()
    usage = (
        "usage: python -m service.batch [-h] [--reasons] [--threads THREADS] [--json] USE_CASE INPUT OUTPUT"
    )
    assert (output, errors) == ("", f"aval: error: {message}; {usage}\n")


@pytest.mark.usefixtures("stored")
def test_an_interruption_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "score_file", interrupt)
    assert command.main(["small_loans", "in.csv", "out.csv"]) == 128 + signal.SIGINT
    assert capsys.readouterr() == ("", "")
