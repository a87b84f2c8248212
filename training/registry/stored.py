"""Versions in the model store: put there from MLflow, and loaded from there as the champion that a pointer means."""

from __future__ import annotations

from dataclasses import replace

from mlflow.entities.model_registry import ModelVersion

from service.model_store import read_bundle, save_bundle
from service.scoring.scorer import Scorer
from training.registry.version import Version


def store(version: ModelVersion, found: Version) -> None:
    """Store a version's bundle, labelled with where it comes from; storing it again changes nothing."""
    labels = {
        "use_case": found.use_case,
        "policy": found.scorer.policy.version,
        "data_fingerprint": str(found.evidence["data"]["fingerprint"])[:16],
        "mlflow_run": version.run_id or "none",
        "mlflow_version": str(version.version),
        "git_revision": str(found.run.get("git_revision", "unknown"))[:40],
    }
    save_bundle(found.files, found.use_case, labels)


def stored_version(scorer: Scorer, number: str) -> Version:
    """Return a version as the store knows it, without asking MLflow."""
    found = Version(scorer.contract.use_case, number, "", scorer, read_bundle(scorer.tag))
    return replace(found, run_id=str(found.run.get("run_id", "")))
