"""A registered model version: found by number or alias, its bundle fetched and verified."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion

from service.errors import ModelRefused
from service.model_store import read_folder
from service.scoring.bundle import RUN, scorer_from_files
from service.scoring.errors import BundleInvalid
from service.scoring.scorer import Scorer
from training.registry.client import TrackingRefused, patiently

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"
# Where a version's source was the bundle itself, before it was a model that MLflow can load.
PLAIN_BUNDLE = "bundle"
BUNDLE_IN_MODEL = "artifacts/bundle"
UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Version:
    """A registered model version, its bundle's files and the scorer that it is.

    `run_id` is the MLflow run of its training.
    """

    use_case: str
    number: str
    run_id: str
    scorer: Scorer
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def tag(self) -> str:
        """`use_case:version` of the bundle."""
        return self.scorer.tag

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What the training found; it is in the bundle's hash."""
        return self.scorer.evidence

    @property
    def run(self) -> Mapping[str, Any]:
        """What its training noted outside the hash: times, versions, microseconds; empty where that is lost."""
        try:
            noted = json.loads(self.files.get(RUN, b"{}"))
        except ValueError:
            return {}
        return noted if isinstance(noted, dict) else {}


def by_number(client: MlflowClient, use_case: str, number: str) -> ModelVersion | None:
    """Return a registered version, None where there is none of that number."""
    return _none_if_unknown(lambda: client.get_model_version(use_case, number))


def by_alias(client: MlflowClient, use_case: str, alias: str) -> ModelVersion | None:
    """Return the version that an alias stands for, None where it stands for none."""
    return _none_if_unknown(lambda: client.get_model_version_by_alias(use_case, alias))


def fetch(version: ModelVersion, tracking_uri: str) -> Version:
    """Fetch a version's bundle, and nothing else of it; raises `ModelRefused` unless it is the registered one."""
    use_case, _, bundle = version.tags.get("bundle", "").partition(":")
    try:
        with tempfile.TemporaryDirectory() as folder:
            local = patiently(
                lambda: download_artifacts(
                    artifact_uri=_bundle_uri(version), dst_path=folder, tracking_uri=tracking_uri
                ),
                tracking_uri,
            )
            files = read_folder(Path(local))
        scorer = scorer_from_files(files, use_case=use_case, version=bundle)
    except (TrackingRefused, OSError, BundleInvalid) as error:
        raise ModelRefused(f"version {version.version} of {version.name} cannot be used: {error}") from None
    return Version(use_case, str(version.version), version.run_id or "", scorer, files)


def _bundle_uri(version: ModelVersion) -> str:
    source = str(version.source).rstrip("/")
    return source if source.rpartition("/")[2] == PLAIN_BUNDLE else f"{source}/{BUNDLE_IN_MODEL}"


def _none_if_unknown(ask: Callable[[], ModelVersion]) -> ModelVersion | None:
    try:
        return ask()
    except TrackingRefused as error:
        if error.code in UNKNOWN:
            return None
        raise
