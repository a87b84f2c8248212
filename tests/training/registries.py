"""Registries for tests: one of one's own each, with small trainings to record in it."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import bentoml

from service.model_store import champion, load_scorer
from service.scoring.policy import Policy
from service.settings import Settings
from tests.mlflow_tables import empty_database, scratch_folder
from training.registry import Champion, Override, Registry
from training.train import Trained

Quick = Callable[..., Trained]

USE_CASE = "loan_approval"
KINDS = ("catboost_smooth", "logistic_regression")
LINEAGE = {"git_revision": "0123456789abcdef"}
FAILED_GATE = {
    "code": "cost",
    "title": "Cost per case",
    "severity": "blocks",
    "status": "fail",
    "observed": 421.5,
    "required": "<= 400",
    "interval": [401.0, 442.0],
    "note": "",
}
PASSED_GATE = {**FAILED_GATE, "status": "pass", "observed": 380.5}
OVERRIDE = Override("Grace Hopper", "the price list that the gate compares with is of last year")
STRICT = Policy("strict", 0.01, 0.02)


def local_registry(folder: Path, bentoml_home: Path | None = None) -> Registry:
    """Return a registry in SQLite with nothing in it; its model store is the test session's, without this use case."""
    store = bentoml_home or Path(os.environ["BENTOML_HOME"])
    forget_models(store)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_database(), folder / "mlflow.db")
    return registry_at(folder, f"sqlite:///{folder / 'mlflow.db'}", store)


def registry_of_two(folder: Path, quick: Quick) -> Registry:
    """Return such a registry with two versions, neither promoted; their artifacts are shared and not to be changed."""
    registry = local_registry(folder)
    shutil.copy(_database_of_two(quick), folder / "mlflow.db")
    return registry


def registry_at(folder: Path, tracking_uri: str, store: Path) -> Registry:
    """Return a registry at an address, with local state in a folder."""
    settings = replace(
        Settings.from_environment(), home=folder, bentoml_home=store, tracking_uri=tracking_uri
    )
    return Registry(settings)


def forget_models(store: Path) -> None:
    """Remove the use case's models, champion, history and policies from the store."""
    for left in [*store.glob(f"champions/{USE_CASE}.*"), *store.glob(f"champions/.{USE_CASE}.*")]:
        left.unlink()
    shutil.rmtree(store / "policies" / USE_CASE, ignore_errors=True)
    for model in bentoml.models.list():
        if model.tag.name == USE_CASE:
            bentoml.models.delete(model.tag)


def aliases(registry: Registry) -> dict[str, str]:
    """Return the versions that MLflow's aliases of the use case stand for."""
    names = registry._client.get_registered_model(USE_CASE).aliases
    return {
        alias: str(registry._client.get_model_version_by_alias(USE_CASE, alias).version) for alias in names
    }


def version_tags(registry: Registry, number: str) -> dict[str, str]:
    """Return MLflow's tags of a version of the use case."""
    return dict(registry._client.get_model_version(USE_CASE, number).tags)


def beside(registry: Registry, tag: str, name: str) -> Any:
    """Return the JSON of a file beside a stored bundle."""
    return json.loads((registry.settings.bentoml_home / "models" / tag.replace(":", "/") / name).read_bytes())


def changed(trained: Trained, *, evidence: Mapping[str, Any] | None = None, **more: object) -> Trained:
    """Return a training with other things in its evidence, and with `trials` or `card` of the test's."""
    other = copy.copy(trained)
    scorer = replace(trained.scorer, evidence={**trained.scorer.evidence, **(evidence or {})})
    for name, value in {"scorer": scorer, **more}.items():
        object.__setattr__(other, name, value)
    return other


@cache
def _database_of_two(quick: Quick) -> Path:
    folder = scratch_folder()
    registry = local_registry(folder)
    for kind in KINDS:
        registry.record(quick(USE_CASE, kind), LINEAGE)
    return folder / "mlflow.db"


def pointer(registry: Registry) -> Champion:
    """Return what the store says of the champion."""
    return champion(USE_CASE, registry.settings.bentoml_home)


def served(registry: Registry) -> tuple[str, str]:
    """Return the tag and the policy that the champion is served with."""
    scorer = load_scorer(USE_CASE, registry.settings.bentoml_home)
    return scorer.tag, scorer.policy.version


def pointer_policy(registry: Registry) -> str:
    """Return the policy of the champion's own bundle."""
    return load_scorer(pointer(registry).model, registry.settings.bentoml_home).policy.version
