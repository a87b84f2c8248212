"""The registered model as MLflow itself loads and serves it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from service.scoring.scorer import Scorer
from tests.processes import PROGRAMS, free_port, web
from tests.training.registries import LINEAGE, local_registry
from tests.training.test_tracking import running
from training.registry import Registry
from training.registry.model_folder import example_of, signature_of, write_model
from training.train import Trained
from training.use_cases import use_cases

Quick = Callable[..., Trained]
CHECKOUT = Path(__file__).resolve().parents[2]
SERVED = "credit_risk"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, quick: Quick) -> Registry:
    """A registry with a champion of credit risk, in a model store of its own use case."""
    registry = local_registry(tmp_path_factory.mktemp("serving"))
    registry.record(quick(SERVED), LINEAGE)
    registry.promote(SERVED)
    return registry


@pytest.fixture(scope="module")
def scorer(quick: Quick) -> Scorer:
    return quick(SERVED).scorer


@pytest.fixture(scope="module")
def invocations(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address at which `mlflow models serve` answers for the champion."""
    port = free_port()
    with running(
        tmp_path_factory.mktemp("server"),
        f"http://127.0.0.1:{port}/ping",
        PROGRAMS / "mlflow",
        *("models", "serve", "-m", f"models:/{SERVED}@champion", "--env-manager", "local"),
        *("--port", str(port), "--host", "127.0.0.1"),
        MLFLOW_TRACKING_URI=registry.settings.tracking_uri,
        PATH=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
    ):
        yield f"http://127.0.0.1:{port}/invocations"


def records(rows: int) -> list[dict[str, Any]]:
    """Return generated records as JSON has them, nulls included."""
    frame = use_cases()[SERVED].sample(rows, seed=3)
    columns = [column.name for column in use_cases()[SERVED].contract.columns if column.name in frame]
    sampled: list[dict[str, Any]] = json.loads(frame[columns].to_json(orient="records"))
    return sampled


def as_record(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row of a DataFrame as a record."""
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def asked(url: str, asked_for: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answer = web.post(url, json={"dataframe_records": asked_for}, timeout=30)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["predictions"])


def test_mlflow_serves_the_champion_with_the_scorers_own_probabilities(
    invocations: str, scorer: Scorer
) -> None:
    sent = records(50)
    answers = asked(invocations, sent)
    expected = [scorer.score(record) for record in sent]
    assert [answer["probability"] for answer in answers] == [item.probability for item in expected]
    assert [answer["decision"] for answer in answers] == [str(item.decision) for item in expected]
    told = [[reason["code"] for reason in json.loads(answer["reasons"])] for answer in answers]
    assert told == [[reason.code for reason in item.reasons] for item in expected]
    assert any(told)


def test_a_refused_record_says_why_and_never_fails_its_neighbours(invocations: str, scorer: Scorer) -> None:
    good, bad = records(2)
    refused = {**bad, "person_age": 444}
    answers = asked(invocations, [good, refused])
    assert answers[0]["probability"] == scorer.score(good).probability
    assert answers[0]["problem"] is None
    assert (answers[1]["probability"], answers[1]["decision"]) == (None, None)
    assert "person_age=444 years is out of range" in answers[1]["problem"]


def test_a_whole_number_may_be_written_as_a_float_and_a_part_of_one_is_refused(
    invocations: str, scorer: Scorer
) -> None:
    (record,) = records(1)
    as_float, part = {**record, "person_income": 48_000.0}, {**record, "person_age": 30.5}
    answers = asked(invocations, [as_float, part])
    assert answers[0]["probability"] == scorer.score({**record, "person_income": 48_000}).probability
    assert "person_age=30.5 is not an integer" in answers[1]["problem"]


def test_columns_that_a_record_may_leave_out_may_be_left_out(invocations: str, scorer: Scorer) -> None:
    contract = scorer.contract
    (record,) = records(1)
    short = {name: value for name, value in record.items() if contract.by_name[name].must_be_present}
    assert len(short) < len(contract.columns)
    assert asked(invocations, [short])[0]["probability"] == scorer.score(short).probability


# Every use case


@pytest.mark.parametrize("name", sorted(use_cases()))
def test_signature_and_example_follow_the_contract_and_hold_generated_records(name: str) -> None:
    case = use_cases()[name]
    inputs = signature_of(case.contract).inputs
    required = {column.name for column in case.contract.columns if column.must_be_present}
    assert inputs.input_names() == [column.name for column in case.contract.columns]
    assert set(inputs.required_input_names()) == required
    example = example_of(case)
    assert required <= set(example.columns) <= set(inputs.input_names())
    assert case.contract.outcome.name not in example
    assert len(example) == 3


@pytest.mark.parametrize("name", sorted(use_cases()))
def test_a_saved_model_answers_its_own_example_as_the_scorer_does(
    name: str, quick: Quick, tmp_path: Path
) -> None:
    from mlflow.pyfunc import load_model

    trained = quick(name)
    write_model(tmp_path / "model", trained.files, trained.scorer.tag, trained.cases.use_case)
    model = load_model(str(tmp_path / "model"))
    example = example_of(trained.cases.use_case)
    answers: Any = model.predict(example)
    for record, probability in zip(example.to_dict("records"), answers["probability"], strict=True):
        assert probability == trained.scorer.score(as_record(record)).probability


LOAD_ALONE = """
import sys
sys.path = [entry for entry in sys.path if entry not in ("", sys.argv[2])]
from importlib.util import find_spec
assert find_spec("training") is None, find_spec("training")
from mlflow.pyfunc import load_model
import pandas as pd
model = load_model(sys.argv[1])
example = pd.read_json(sys.argv[1] + "/input_example.json", orient="split")
print(model.predict(example)["probability"].tolist())
import service
print(service.__file__)
"""


def test_a_saved_model_loads_where_aval_is_not_installed(quick: Quick, tmp_path: Path) -> None:
    trained = quick(SERVED)
    write_model(tmp_path / "model", trained.files, trained.scorer.tag, trained.cases.use_case)
    # The environment's packages without the one line that makes this checkout one of them.
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(next(item for item in sys.path if item.endswith("site-packages"))).iterdir():
        if "aval" not in entry.name:
            (packages / entry.name).symlink_to(entry)
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            LOAD_ALONE_FROM.format(packages=str(packages)),
            tmp_path / "model",
            CHECKOUT,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told, place = done.stdout.splitlines()[-2:]
    example = example_of(trained.cases.use_case)
    first = as_record(example.to_dict("records")[0])
    assert json.loads(told)[0] == trained.scorer.score(first).probability
    assert str(tmp_path / "model" / "code") in place


LOAD_ALONE_FROM = "import sys; sys.path.append({packages!r})\n" + LOAD_ALONE


def test_a_saved_model_whose_bundle_was_changed_is_not_loaded(quick: Quick, tmp_path: Path) -> None:
    from mlflow.pyfunc import load_model

    trained = quick(SERVED)
    write_model(tmp_path / "model", trained.files, trained.scorer.tag, trained.cases.use_case)
    policy = tmp_path / "model" / "artifacts" / "bundle" / "policy.json"
    policy.write_bytes(policy.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(Exception, match=r"policy\.json was changed"):
        load_model(str(tmp_path / "model"))
