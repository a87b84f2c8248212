"""Trainings and model versions in MLflow, and the way of a version into the model store.

The store's champion pointer commits a promotion. MLflow's aliases follow it, and any command that finds them
behind (after a crash in between) sets them right.
"""

from __future__ import annotations

import getpass
import json
import logging
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
from service.model_store import Champion, champions, read_folder, save_bundle, set_champion
from service.scoring.bundle import RUN, version_of
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
        with tempfile.TemporaryDirectory() as folder:
            files = self._download(version, Path(folder))
        evidence = json.loads(files["evidence.json"])
        return Version(use_case, str(version.version), version.tags["bundle"], version.run_id or "", evidence)

    def promote(self, use_case: str, number: str | None = None) -> tuple[Version, bool]:
        """Make a version (default: the challenger) the champion; returns it and whether anything changed.

        The bundle is fetched, its hashes are verified, it is stored, the pointer is replaced, and only then do the
        aliases move. Doing it again changes nothing. Raises `NoSuchModel` or `ModelRefused`.
        """
        version = self._model_version(use_case, number)
        with tempfile.TemporaryDirectory() as folder:
            files = self._download(version, Path(folder))
        tag = version.tags.get("bundle", "")
        try:
            if version_of(files) != tag.partition(":")[2]:
                raise BundleInvalid(f"the registry's files are not those of {tag}")
            save_bundle(files, use_case, _labels(version, files))
        except BundleInvalid as error:
            raise ModelRefused(f"version {version.version} of {use_case} was not promoted: {error}") from None
        before = champions(self.settings.bentoml_home).get(use_case)
        changed = before is None or (before.model, before.registry_version) != (tag, str(version.version))
        if changed:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            pointer = Champion(tag, str(version.version), now, getpass.getuser())
            set_champion(use_case, pointer, self.settings.bentoml_home)
        self.repair(use_case)
        evidence = json.loads(files["evidence.json"])
        return Version(use_case, str(version.version), tag, version.run_id or "", evidence), changed

    def repair(self, use_case: str) -> None:
        """Let MLflow's aliases follow the store's champion pointer."""
        pointer = champions(self.settings.bentoml_home).get(use_case)
        if pointer is None:
            return
        behind = self._alias(use_case, CHAMPION)
        if behind is not None and str(behind.version) == pointer.registry_version:
            return
        if behind is not None:
            self._client.set_registered_model_alias(use_case, PREVIOUS, behind.version)
        self._client.set_registered_model_alias(use_case, CHAMPION, pointer.registry_version)

    def champion_tag(self, use_case: str) -> str | None:
        """Return the tag that the use case is served with, if it has a champion."""
        pointer = champions(self.settings.bentoml_home).get(use_case)
        return pointer.model if pointer else None

    def _log(self, run_id: str, trained: Trained, lineage: Mapping[str, Any]) -> None:
        evidence = trained.scorer.evidence
        parameters = {
            "model": trained.chosen.name,
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
            run = {"run_id": run_id, "trained_at": datetime.now(UTC).isoformat(timespec="seconds"), **lineage}
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
        try:
            found = self._client.get_model_version(use_case, number) if number else None
        except MlflowException:
            raise NoSuchModel(
                f"{use_case} has no version {number}; see: aval leaderboard {use_case}"
            ) from None
        found = found or self._alias(use_case, CHALLENGER)
        if found is None:
            raise NoSuchModel(f"{use_case} has no trained model; run: aval train {use_case}")
        return found

    def _alias(self, use_case: str, alias: str) -> ModelVersion | None:
        try:
            return self._client.get_model_version_by_alias(use_case, alias)
        except MlflowException:
            return None

    def _download(self, version: ModelVersion, folder: Path) -> dict[str, bytes]:
        try:
            local = download_artifacts(
                artifact_uri=version.source, dst_path=str(folder), tracking_uri=self.settings.tracking_uri
            )
        except (MlflowException, OSError) as error:
            raise ModelRefused(
                f"the bundle of {version.name} version {version.version} cannot be read: {error}"
            ) from None
        return read_folder(Path(local))


def scorer_labels(scorer: Scorer) -> dict[str, str]:
    """Return what a bundle says of itself, as labels for a store."""
    return {
        "use_case": scorer.contract.use_case,
        "policy": scorer.policy.version,
        "data_fingerprint": str(scorer.evidence["data"]["fingerprint"])[:16],
    }


def _labels(version: ModelVersion, files: Mapping[str, bytes]) -> dict[str, str]:
    from service.scoring.bundle import scorer_from_files

    use_case, _, bundle = version.tags["bundle"].partition(":")
    scorer = scorer_from_files(files, use_case=use_case, version=bundle)
    run = json.loads(files.get(RUN, b"{}"))
    return {
        **scorer_labels(scorer),
        "mlflow_run": version.run_id or "none",
        "mlflow_version": str(version.version),
        "git_revision": str(run.get("git_revision", "unknown"))[:40],
    }


def _flat(body: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in body.items() if not isinstance(value, (dict, list))}
