"""Trainings and model versions in MLflow, and the way of a version into the model store.

The store's champion pointer commits a promotion. MLflow's aliases follow it, and any command that finds them
behind (after a crash in between) sets them right.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from service.errors import ModelRefused, NoSuchModel
from service.model_store import Champion, find_champion, read_folder, save_bundle, set_champion
from service.scoring.bundle import RUN, scorer_from_files
from service.scoring.errors import BundleInvalid
from service.scoring.scorer import Scorer
from service.settings import Settings
from training.train import Trained

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"
BUNDLE = "bundle"


@dataclass(frozen=True)
class Version:
    """A registered model version and the bundle that it is."""

    use_case: str
    number: str
    tag: str
    run_id: str
    evidence: Mapping[str, Any]


class Registry:
    """MLflow's registry and BentoML's model store, kept in step."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        if settings.tracking_uri.startswith("sqlite:"):
            settings.home.mkdir(parents=True, exist_ok=True)
        # MLflow announces the making of its tables; importing it undoes a level that was set before.
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._client = MlflowClient(tracking_uri=settings.tracking_uri)

    def record(self, trained: Trained, lineage: Mapping[str, Any]) -> Version:
        """Log a training with its bundle and register it as the use case's challenger."""
        use_case = trained.cases.use_case.name
        run = self._client.create_run(self._experiment(use_case), run_name=trained.chosen.name)
        try:
            self._log(run.info.run_id, trained, lineage)
        except BaseException:
            self._client.set_terminated(run.info.run_id, "FAILED")
            raise
        self._client.set_terminated(run.info.run_id)
        self._make_registered_model(use_case)
        version = self._client.create_model_version(
            use_case,
            source=f"{run.info.artifact_uri}/{BUNDLE}",
            run_id=run.info.run_id,
            tags={"bundle": trained.scorer.tag, "data_fingerprint": trained.cases.fingerprint},
        )
        self._client.set_registered_model_alias(use_case, CHALLENGER, version.version)
        return Version(
            use_case, str(version.version), trained.scorer.tag, run.info.run_id, trained.scorer.evidence
        )

    def find(self, use_case: str, number: str | None = None) -> Version:
        """Return a version by number, or the challenger; raises `NoSuchModel`."""
        version = self._model_version(use_case, number)
        _, scorer = self._verified(version)
        return Version(use_case, str(version.version), scorer.tag, version.run_id or "", scorer.evidence)

    def promote(self, use_case: str, number: str | None = None) -> tuple[Version, bool]:
        """Make a version (default: the challenger) the champion; returns it and whether anything changed.

        The bundle is fetched, its hashes are verified, it is stored, the pointer is replaced, and only then do the
        aliases move. Doing it again changes nothing. Raises `NoSuchModel` or `ModelRefused`.
        """
        version = self._model_version(use_case, number)
        files, scorer = self._verified(version)
        save_bundle(files, use_case, _labels(version, scorer, files))
        before = find_champion(use_case, self.settings.bentoml_home)
        changed = before is None or (before.model, before.registry_version) != (
            scorer.tag,
            str(version.version),
        )
        if changed:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            pointer = Champion(scorer.tag, str(version.version), now, _user())
            set_champion(use_case, pointer, self.settings.bentoml_home)
        self.repair(use_case)
        found = Version(use_case, str(version.version), scorer.tag, version.run_id or "", scorer.evidence)
        return found, changed

    def repair(self, use_case: str) -> None:
        """Let MLflow's aliases follow the store's champion pointer."""
        pointer = find_champion(use_case, self.settings.bentoml_home)
        if pointer is None:
            return
        behind = self._alias(use_case, CHAMPION)
        if behind is not None and str(behind.version) == pointer.registry_version:
            return
        promoted = self._version(use_case, pointer.registry_version)
        # One store may serve several registries; a version of another one is none of ours.
        if promoted is None or promoted.tags.get("bundle") != pointer.model:
            return
        if behind is not None:
            self._client.set_registered_model_alias(use_case, PREVIOUS, behind.version)
        self._client.set_registered_model_alias(use_case, CHAMPION, pointer.registry_version)

    def _log(self, run_id: str, trained: Trained, lineage: Mapping[str, Any]) -> None:
        evidence = trained.scorer.evidence
        parameters = {
            "model": trained.chosen.name,
            "data.source": trained.cases.source,
            **trained.chosen.parameters,
            **_flat(evidence["data"], "data"),
        }
        for name, value in parameters.items():
            self._client.log_param(run_id, name, value)
        for part in ("procedure", "shipped"):
            for name, value in evidence[part]["metrics"].items():
                self._client.log_metric(run_id, f"{part}.{name}", value)
        for standing in evidence["candidates"]:
            for name in ("roc_auc", "pr_auc", "brier", "log_loss"):
                self._client.log_metric(run_id, f"cv.{standing['name']}.{name}", standing[name])
        tags = {
            "use_case": trained.cases.use_case.name,
            "bundle": trained.scorer.tag,
            **_flat(lineage, "lineage"),
        }
        for name, value in tags.items():
            self._client.set_tag(run_id, name, value)
        with tempfile.TemporaryDirectory() as folder:
            run = {
                "run_id": run_id,
                "data_source": trained.cases.source,
                "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
                **lineage,
            }
            for name, content in {**trained.files, RUN: json.dumps(run, indent=1).encode()}.items():
                (Path(folder) / name).write_bytes(content)
            self._client.log_artifacts(run_id, folder, BUNDLE)

    def _experiment(self, use_case: str) -> str:
        found = self._client.get_experiment_by_name(use_case)
        if found is not None:
            return str(found.experiment_id)
        local = self.settings.tracking_uri.startswith("sqlite:")
        # MLflow's own default for SQLite is ./mlruns, wherever the command happened to be typed.
        location = (self.settings.home / "artifacts").as_uri() if local else None
        return str(self._client.create_experiment(use_case, artifact_location=location))

    def _make_registered_model(self, use_case: str) -> None:
        try:
            self._client.create_registered_model(use_case)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _model_version(self, use_case: str, number: str | None) -> ModelVersion:
        self.repair(use_case)
        found = self._version(use_case, number) if number else self._alias(use_case, CHALLENGER)
        if found is None and number:
            raise NoSuchModel(f"{use_case} has no version {number}; see: aval leaderboard {use_case}")
        if found is None:
            raise NoSuchModel(f"{use_case} has no trained model; run: aval train {use_case}")
        return found

    def _version(self, use_case: str, number: str) -> ModelVersion | None:
        try:
            return self._client.get_model_version(use_case, number)
        except MlflowException:
            return None

    def _alias(self, use_case: str, alias: str) -> ModelVersion | None:
        try:
            return self._client.get_model_version_by_alias(use_case, alias)
        except MlflowException:
            return None

    def _verified(self, version: ModelVersion) -> tuple[dict[str, bytes], Scorer]:
        """Fetch a version's bundle; raises `ModelRefused` unless it is the one that was registered."""
        use_case, _, bundle = version.tags.get("bundle", "").partition(":")
        try:
            with tempfile.TemporaryDirectory() as folder:
                local = download_artifacts(
                    artifact_uri=version.source, dst_path=folder, tracking_uri=self.settings.tracking_uri
                )
                files = read_folder(Path(local))
            return files, scorer_from_files(files, use_case=use_case, version=bundle)
        except (MlflowException, OSError, BundleInvalid) as error:
            raise ModelRefused(
                f"version {version.version} of {version.name} cannot be used: {error}"
            ) from None


def _labels(version: ModelVersion, scorer: Scorer, files: Mapping[str, bytes]) -> dict[str, str]:
    try:
        revision = json.loads(files.get(RUN, b"{}"))["git_revision"]
    except (ValueError, KeyError, TypeError):
        revision = "unknown"
    return {
        "use_case": scorer.contract.use_case,
        "policy": scorer.policy.version,
        "data_fingerprint": str(scorer.evidence["data"]["fingerprint"])[:16],
        "mlflow_run": version.run_id or "none",
        "mlflow_version": str(version.version),
        "git_revision": str(revision)[:40],
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user often has no name.
        return f"uid {os.getuid()}"


def _flat(body: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in body.items() if not isinstance(value, (dict, list))}
