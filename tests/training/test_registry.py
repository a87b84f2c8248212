from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bentoml
import pytest

from service.errors import ModelRefused, NoSuchModel
from service.model_store import champions, load_scorer
from service.settings import Settings
from training.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry
from training.train import Trained

USE_CASE = "loan_approval"
LINEAGE = {"git_revision": "0123456789abcdef"}


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry of its own, and the test session's model store without champions."""
    store = Path(os.environ["BENTOML_HOME"])
    (store / "champions" / f"{USE_CASE}.json").unlink(missing_ok=True)
    for model in bentoml.models.list():
        if model.tag.name == USE_CASE:
            bentoml.models.delete(model.tag)
    settings = replace(
        Settings.from_environment(),
        home=tmp_path,
        bentoml_home=store,
        tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}",
    )
    return Registry(settings)


def aliases(registry: Registry) -> dict[str, str]:
    return {
        alias: str(registry._client.get_model_version_by_alias(USE_CASE, alias).version)
        for alias in registry._client.get_registered_model(USE_CASE).aliases
    }


def test_a_training_is_registered_as_challenger_with_its_bundle_and_figures(
    registry: Registry, quick: Callable[..., Trained]
) -> None:
    trained = quick(USE_CASE)
    version = registry.record(trained, LINEAGE)
    assert aliases(registry) == {CHALLENGER: "1"}
    run = registry._client.get_run(version.run_id)
    assert run.data.params["model"] == "catboost_shallow"
    assert run.data.params["data.fingerprint"] == trained.cases.fingerprint
    assert run.data.metrics["procedure.roc_auc"] == trained.scorer.evidence["procedure"]["metrics"]["roc_auc"]
    assert run.data.metrics["shipped.brier"] == trained.scorer.evidence["shipped"]["metrics"]["brier"]
    assert run.data.tags["lineage.git_revision"] == LINEAGE["git_revision"]
    names = {Path(item.path).name for item in registry._client.list_artifacts(version.run_id, "bundle")}
    assert names == {*trained.files, "run.json"}


def test_promoting_stores_the_verified_bundle_and_is_idempotent(
    registry: Registry, quick: Callable[..., Trained]
) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    version, changed = registry.promote(USE_CASE)
    again, changed_again = registry.promote(USE_CASE)
    assert (changed, changed_again) == (True, False)
    assert version.tag == again.tag == quick(USE_CASE).scorer.tag
    assert load_scorer(USE_CASE, registry.settings.bentoml_home).version == quick(USE_CASE).scorer.version
    assert aliases(registry) == {CHALLENGER: "1", CHAMPION: "1"}
    labels = bentoml.models.get(version.tag).info.labels
    assert labels["use_case"] == USE_CASE
    assert labels["data_fingerprint"] == quick(USE_CASE).cases.fingerprint[:16]


def test_a_second_champion_makes_the_first_the_previous_one(
    registry: Registry, quick: Callable[..., Trained]
) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    registry.promote(USE_CASE)
    registry.record(quick(USE_CASE, "logistic_regression"), LINEAGE)
    registry.promote(USE_CASE)
    assert aliases(registry) == {CHALLENGER: "2", CHAMPION: "2", PREVIOUS: "1"}


def test_aliases_that_a_crash_left_behind_follow_the_stores_pointer(
    registry: Registry, quick: Callable[..., Trained]
) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    registry.promote(USE_CASE)
    registry._client.delete_registered_model_alias(USE_CASE, CHAMPION)
    registry.find(USE_CASE)
    assert aliases(registry)[CHAMPION] == "1"


def test_a_bundle_changed_in_the_registry_is_not_promoted(
    registry: Registry, quick: Callable[..., Trained], tmp_path: Path
) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    policy = next((tmp_path / "artifacts").rglob("policy.json"))
    policy.write_bytes(policy.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(ModelRefused) as caught:
        registry.promote(USE_CASE)
    assert "policy.json was changed" in str(caught.value)
    assert USE_CASE not in champions(registry.settings.bentoml_home)


def test_a_use_case_without_a_training_says_what_to_run(registry: Registry) -> None:
    with pytest.raises(NoSuchModel) as caught:
        registry.promote(USE_CASE)
    assert str(caught.value) == f"{USE_CASE} has no trained model; run: aval train {USE_CASE}"


def test_the_champion_of_another_registry_is_none_of_this_ones_business(
    registry: Registry, quick: Callable[..., Trained], tmp_path: Path
) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    registry.promote(USE_CASE)
    other = Registry(replace(registry.settings, tracking_uri=f"sqlite:///{tmp_path / 'other.db'}"))
    with pytest.raises(NoSuchModel):
        other.find(USE_CASE)
    other.record(quick(USE_CASE, "logistic_regression"), LINEAGE)
    other.find(USE_CASE)
    assert aliases(other) == {CHALLENGER: "1"}


def test_changed_evidence_is_not_shown(
    registry: Registry, quick: Callable[..., Trained], tmp_path: Path
) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    evidence = next((tmp_path / "artifacts").rglob("evidence.json"))
    evidence.write_bytes(evidence.read_bytes().replace(b"0.9", b"0.99", 1))
    with pytest.raises(ModelRefused) as caught:
        registry.find(USE_CASE)
    assert "evidence.json was changed" in str(caught.value)
