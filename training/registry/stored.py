"""Versions in the model store: put there from MLflow, and loaded from there as the champion that a pointer means."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlflow.entities.model_registry import ModelVersion

from service.model_store import read_beside, save_bundle
from service.scoring.bundle import RUN
from service.scoring.scorer import Scorer
from training.registry.version import Version


def store(version: ModelVersion, found: Version, files: Mapping[str, bytes]) -> None:
    """Store a version's bundle, labelled with where it comes from; storing it again changes nothing."""
    labels = {
        "use_case": found.use_case,
        "policy": found.scorer.policy.version,
        "data_fingerprint": str(found.evidence["data"]["fingerprint"])[:16],
        "mlflow_run": version.run_id or "none",
        "mlflow_version": str(version.version),
        "git_revision": _run_fact(files, "git_revision", "unknown")[:40],
    }
    save_bundle(files, found.use_case, labels)


def stored_version(scorer: Scorer, number: str) -> Version:
    """Return a version as the store knows it, without asking MLflow."""
    run_id = _run_fact(read_beside(scorer.tag), "run_id", "")
    return Version(scorer.contract.use_case, number, run_id, scorer)


def _run_fact(files: Mapping[str, bytes], name: str, otherwise: str) -> str:
    try:
        return str(json.loads(files.get(RUN, b"{}"))[name])
    except (ValueError, KeyError, TypeError):
        return otherwise
