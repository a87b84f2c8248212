from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import Run

from service.errors import ModelRefused, NoSuchModel
from service.scoring.bundle import RUN
from tests.training.registries import (
    LINEAGE,
    USE_CASE,
    aliases,
    changed,
    local_registry,
    registry_at,
    version_tags,
)
from training.registry import CHALLENGER, Registry
from training.registry.reports import classification_report, confusion_matrix
from training.train import Trained
from training.trial import Trial

Quick = Callable[..., Trained]
DECISIONS = {
    "approve": {"good": 700, "bad": 20},
    "refer": {"good": 100, "bad": 30},
    "decline": {"good": 50, "bad": 100},
}
TABLES = {
    "raw": {"rows": 2_605, "columns": ["income", "age", "note"]},
    "cleaned": {"rows": 2_600, "columns": ["income", "age"]},
    "encoded": {"rows": 2_600, "columns": ["income"]},
}
TRIALS = (
    Trial("catboost", 0, {"depth": 4}, 0.31, {"roc_auc": 0.9, "brier": 0.05}, "complete", 1.5),
    Trial("catboost", 1, {"depth": 6}, 0.35, {"roc_auc": 0.8}, "pruned", 0.5),
    Trial("random_forest", 0, {"trees": 10}, None, {}, "failed", 0.25),
)
CARD = {"model_card.html": b"<html>card</html>", "model_card.md": b"# card"}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return local_registry(tmp_path)


@pytest.fixture
def full(quick: Quick) -> Trained:
    """A training with everything that a run can hold."""
    evidence = quick(USE_CASE).scorer.evidence
    shipped = {
        **evidence["shipped"],
        "curves": {"decisions": DECISIONS},
        "intervals": {"roc_auc": [0.85, 0.93]},
    }
    more = {"data": {**evidence["data"], "tables": TABLES}, "shipped": shipped, "gates": [{"code": "cost"}]}
    return changed(quick(USE_CASE), evidence=more, trials=TRIALS, card=CARD)


def run_of(registry: Registry, run_id: str) -> Run:
    return registry._client.get_run(run_id)


def artifacts(tmp_path: Path, run_id: str) -> dict[str, bytes]:
    """Return the files of a run by path."""
    root = tmp_path / "artifacts" / run_id / "artifacts"
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def test_a_training_is_registered_as_challenger_with_its_figures(registry: Registry, quick: Quick) -> None:
    trained = quick(USE_CASE)
    version = registry.record(trained, LINEAGE)
    assert aliases(registry) == {CHALLENGER: "1"}
    assert (version.tag, version.number, version.use_case) == (trained.scorer.tag, "1", USE_CASE)
    assert version_tags(registry, "1")["bundle"] == trained.scorer.tag
    run = run_of(registry, version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "catboost_smooth"
    assert run.data.params["data.fingerprint"] == trained.cases.fingerprint
    for part in ("procedure", "shipped"):
        for name, value in trained.scorer.evidence[part]["metrics"].items():
            assert run.data.metrics[f"{part}.{name}"] == value
    assert run.data.tags["lineage.git_revision"] == LINEAGE["git_revision"]
    assert run.data.tags["policy"] == trained.scorer.policy.version


def test_the_total_cost_is_that_of_all_rows_judged(registry: Registry, quick: Quick) -> None:
    version = registry.record(quick(USE_CASE), LINEAGE)
    metrics = run_of(registry, version.run_id).data.metrics
    assert (
        metrics["procedure.total_cost"] == metrics["procedure.cost_per_case"] * metrics["procedure.rows"] > 0
    )
    assert metrics["cv.catboost_smooth.roc_auc"] == version.evidence["candidates"][0]["roc_auc"]


def test_shapes_and_columns_of_raw_cleaned_and_encoded_data_are_parameters(
    registry: Registry, full: Trained
) -> None:
    parameters = run_of(registry, registry.record(full, LINEAGE).run_id).data.params
    shapes = {
        stage: (parameters[f"data.{stage}.rows"], parameters[f"data.{stage}.columns"]) for stage in TABLES
    }
    assert shapes == {"raw": ("2605", "3"), "cleaned": ("2600", "2"), "encoded": ("2600", "1")}
    assert json.loads(parameters["data.raw.column_names"]) == ["income", "age", "note"]


def test_more_columns_than_a_parameter_can_name_are_cut_and_do_no_harm(
    registry: Registry, quick: Quick
) -> None:
    data = quick(USE_CASE).scorer.evidence["data"]
    tables = {"raw": {"rows": 1, "columns": [f"column number {i}" for i in range(2_000)]}}
    many = {f"figure_{i}": float(i) for i in range(250)}
    evidence = {
        "data": {**data, "tables": tables, **many},
        "procedure": {"metrics": {**many, "cost_per_case": 1.0, "rows": 3.0}},
    }
    run = run_of(registry, registry.record(changed(quick(USE_CASE), evidence=evidence), LINEAGE).run_id)
    assert run.data.params["data.raw.columns"] == "2000"
    assert run.data.params["data.raw.column_names"].endswith("…")
    assert run.data.params["data.figure_249"] == "249.0"
    assert run.data.metrics["procedure.figure_249"] == 249.0


def test_reports_gates_card_evidence_and_environment_are_artifacts(
    registry: Registry, full: Trained, tmp_path: Path
) -> None:
    version = registry.record(full, LINEAGE)
    files = artifacts(tmp_path, version.run_id)
    assert json.loads(files["evidence.json"])["data"]["tables"] == TABLES
    assert json.loads(files["gates.json"]) == [{"code": "cost"}]
    assert json.loads(files["confusion_matrix.json"])["declined_is_bad"]["true_positive"] == 100
    assert b"accuracy" in files["classification_report.txt"]
    assert {name: files[name] for name in CARD} == CARD
    assert b"\nmlflow==" in files["environment/environment.txt"]
    assert b"mlflow==" in files["environment/requirements-train.lock"]
    assert run_of(registry, version.run_id).data.metrics["shipped.roc_auc.low"] == 0.85


def test_the_model_is_one_that_mlflow_can_load_with_the_bundle_in_it(
    registry: Registry, quick: Quick, tmp_path: Path
) -> None:
    version = registry.record(quick(USE_CASE), LINEAGE)
    files = artifacts(tmp_path, version.run_id)
    bundle = {Path(name).name for name in files if name.startswith("model/artifacts/bundle/")}
    assert bundle == {*quick(USE_CASE).files, RUN}
    assert json.loads(files[f"model/artifacts/bundle/{RUN}"])["run_id"] == version.run_id
    assert {"model/MLmodel", "model/input_example.json", "model/mlflow_model.py"} < set(files)


def test_no_artifact_is_a_pickle(registry: Registry, full: Trained, tmp_path: Path) -> None:
    files = artifacts(tmp_path, registry.record(full, LINEAGE).run_id)
    assert len(files) > 30
    endings = (".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".bin")
    assert [name for name in files if name.endswith(endings) or "pickle" in name] == []
    # What pickle writes from protocol 2 on begins like this.
    assert [name for name, content in files.items() if content.startswith(b"\x80")] == []


def test_no_row_of_the_data_is_in_mlflow(registry: Registry, full: Trained, tmp_path: Path) -> None:
    version = registry.record(full, LINEAGE)
    stored = artifacts(tmp_path, version.run_id)
    # The bundle has its own rules: borders and quantiles are values that somebody has.
    told = {name: content for name, content in stored.items() if "artifacts/bundle" not in name}
    told["mlflow.db"] = (tmp_path / "mlflow.db").read_bytes()
    values = full.cases.table.column("income").to_pylist()[:200]
    assert all(value != round(value) for value in values)
    found = [name for name, content in told.items() for value in values if repr(value).encode() in content]
    assert found == []


def test_the_data_set_is_an_input_with_fingerprint_and_columns(registry: Registry, quick: Quick) -> None:
    cases = quick(USE_CASE).cases
    inputs = run_of(registry, registry.record(quick(USE_CASE), LINEAGE).run_id).inputs
    assert inputs is not None
    (given_data,) = inputs.dataset_inputs
    data = given_data.dataset
    assert cases.fingerprint.startswith(data.digest)
    assert len(data.digest) == 36
    assert (data.name, data.source_type) == (cases.source, "generated")
    schema = json.loads(str(data.schema))["mlflow_colspec"]
    assert [column["name"] for column in schema] == [
        *(column.name for column in cases.use_case.contract.columns),
        "target",
    ]
    assert json.loads(str(data.profile))["num_rows"] == cases.rows
    assert [(tag.key, tag.value) for tag in given_data.tags] == [("mlflow.data.context", "training")]


def test_every_trial_is_a_run_nested_in_the_trainings(registry: Registry, full: Trained) -> None:
    version = registry.record(full, LINEAGE)
    experiment = run_of(registry, version.run_id).info.experiment_id
    nested = registry._client.search_runs(
        [experiment], f"tags.`mlflow.parentRunId` = '{version.run_id}'", order_by=["start_time ASC"]
    )
    told = {run.info.run_name: run for run in nested}
    assert set(told) == {"catboost 0", "catboost 1", "random_forest 0"}
    best = told["catboost 0"]
    assert best.data.params == {"candidate": "catboost", "number": "0", "depth": "4"}
    assert best.data.metrics == {"objective": 0.31, "roc_auc": 0.9, "brier": 0.05, "seconds": 1.5}
    assert best.info.end_time - best.info.start_time == 1_500
    assert {run.info.run_name: (run.info.status, run.data.tags["state"]) for run in nested} == {
        "catboost 0": ("FINISHED", "complete"),
        "catboost 1": ("KILLED", "pruned"),
        "random_forest 0": ("FAILED", "failed"),
    }
    assert "objective" not in told["random_forest 0"].data.metrics


@pytest.mark.parametrize("broken_by", [KeyboardInterrupt, OSError])
def test_a_training_broken_off_while_it_is_recorded_leaves_a_failed_run_and_no_version(
    registry: Registry, quick: Quick, monkeypatch: pytest.MonkeyPatch, broken_by: type[BaseException]
) -> None:
    def break_off(*_: Any) -> None:
        raise broken_by("broken off")

    monkeypatch.setattr("training.registry.run.write_model", break_off)
    with pytest.raises(broken_by):
        registry.record(quick(USE_CASE), LINEAGE)
    experiment = registry._client.get_experiment_by_name(USE_CASE)
    assert experiment is not None
    runs = registry._client.search_runs([experiment.experiment_id])
    (run,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert run.info.status == "FAILED"
    with pytest.raises(NoSuchModel) as caught:
        registry.find(USE_CASE)
    assert str(caught.value) == f"{USE_CASE} has no trained model; run: aval train {USE_CASE}"


def test_an_unknown_version_says_where_to_look(registry: Registry, quick: Quick) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    for number in ("7", "seven"):
        with pytest.raises(NoSuchModel) as caught:
            registry.find(USE_CASE, number)
        assert str(caught.value) == f"{USE_CASE} has no version {number}; see: aval leaderboard {USE_CASE}"


def test_changed_evidence_is_not_shown(registry: Registry, quick: Quick, tmp_path: Path) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    (evidence,) = (tmp_path / "artifacts").rglob("bundle/evidence.json")
    evidence.write_bytes(evidence.read_bytes().replace(b"0.9", b"0.99", 1))
    with pytest.raises(ModelRefused) as caught:
        registry.find(USE_CASE)
    assert "evidence.json was changed" in str(caught.value)


def record_in(folder: Path, store: Path, trained: Trained, times: int) -> None:
    registry = registry_at(folder, f"sqlite:///{folder / 'mlflow.db'}", store)
    for _ in range(times):
        registry.record(trained, LINEAGE)


def test_trainings_recorded_at_once_are_versions_of_their_own_and_one_is_the_challenger(
    quick: Quick, tmp_path: Path
) -> None:
    store = local_registry(tmp_path).settings.bentoml_home
    trained = changed(quick(USE_CASE), trials=TRIALS)
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=record_in, args=(tmp_path, store, trained, 2)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    registry = registry_at(tmp_path, f"sqlite:///{tmp_path / 'mlflow.db'}", store)
    versions = registry._client.search_model_versions(f"name = '{USE_CASE}'")
    assert {int(version.version) for version in versions} == {1, 2, 3, 4, 5, 6}
    assert len({version.run_id for version in versions}) == 6
    assert int(aliases(registry)[CHALLENGER]) in range(1, 7)
    assert registry.find(USE_CASE).tag == trained.scorer.tag


# Reports


def test_the_confusion_matrix_counts_a_decline_as_the_answer_bad() -> None:
    matrix = confusion_matrix(DECISIONS)
    assert matrix["counts"] == [[700, 100, 50], [20, 30, 100]]
    assert matrix["declined_is_bad"] == {
        "true_negative": 800,
        "false_positive": 50,
        "false_negative": 50,
        "true_positive": 100,
    }


counts = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries({"good": st.integers(0, 300), "bad": st.integers(0, 300)})
        for name in DECISIONS
    }
).filter(lambda table: any(cell["good"] + cell["bad"] for cell in table.values()))


@given(counts)
def test_the_report_agrees_with_the_matrix(decisions: dict[str, dict[str, int]]) -> None:
    cells = confusion_matrix(decisions)["declined_is_bad"]
    right, rows = cells["true_negative"] + cells["true_positive"], sum(cells.values())
    (line,) = (
        line
        for line in classification_report(decisions).splitlines()
        if line.split()[:1] in (["accuracy"], ["micro"])
    )
    assert int(line.split()[-1]) == rows
    assert np.isclose(float(line.split()[-2]), right / rows, atol=6e-5)
