"""MLflow follows the store: whatever a champion pointer says and MLflow does not, is said again until it does."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from service.model_store import Champion, Earlier, read_beside
from service.scoring.bundle import PROMOTION, RUN
from training.registry.version import CHAMPION, PREVIOUS, by_alias, by_number

Step: TypeAlias = Callable[[], object]

# Where the record and the card of a promotion are, among the artifacts of the training's run.
PROMOTION_FOLDER = "promotion"
LONGEST_TAG = 5_000
RECORDED = "promotion.sha256"


def steps_behind(client: MlflowClient, use_case: str, pointer: Champion) -> list[Step]:
    """Return what is left to do until MLflow says what the store's pointer says; an empty list once it does."""
    version = _own_version(client, use_case, pointer)
    if version is None:
        return []
    steps = [*_aliases(client, use_case, pointer)]
    files = _of_promotion(pointer)
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()
    if files and version.tags.get(RECORDED) != digest:
        steps.append(partial(_log_promotion, client, version, files))
        steps += _tags(client, version, pointer)
        # Last, so that what a crash left undone is done again.
        steps.append(partial(_tag, client, version, RECORDED, digest))
    return steps


def _aliases(client: MlflowClient, use_case: str, pointer: Champion) -> list[Step]:
    wanted = {CHAMPION: pointer.registry_version}
    before = pointer.previous
    if before is not None and _own_version(client, use_case, before) is not None:
        wanted[PREVIOUS] = before.registry_version
    steps: list[Step] = [
        partial(client.set_registered_model_alias, use_case, alias, number)
        for alias, number in wanted.items()
        if _number(client, use_case, alias) != number
    ]
    # A pointer from before there were numbers does not know what it replaced.
    if before is None and pointer.change and _number(client, use_case, PREVIOUS) is not None:
        steps.append(partial(client.delete_registered_model_alias, use_case, PREVIOUS))
    return steps


def _tags(client: MlflowClient, version: ModelVersion, pointer: Champion) -> list[Step]:
    override = pointer.override
    said = {
        "promotion.at": pointer.promoted_at,
        "promotion.by": pointer.promoted_by,
        "promotion.why": pointer.why,
        "promotion.action": str(pointer.action),
        "promotion.policy": pointer.policy or "the bundle's own",
        "override.by": override.by if override else "",
        "override.because": override.because if override else "",
    }
    # An empty tag is written only over one that said something.
    return [
        partial(_tag, client, version, name, value)
        for name, value in said.items()
        if version.tags.get(name, "") != value
    ]


def _tag(client: MlflowClient, version: ModelVersion, name: str, value: str) -> None:
    client.set_model_version_tag(version.name, str(version.version), name, value[:LONGEST_TAG])


def _log_promotion(client: MlflowClient, version: ModelVersion, files: dict[str, bytes]) -> None:
    if version.run_id is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        client.log_artifacts(version.run_id, folder, PROMOTION_FOLDER)


def _of_promotion(pointer: Champion) -> dict[str, bytes]:
    """Return what stands beside the champion's bundle of its promotion, nothing where that is of another change.

    A change that was broken off before the pointer was replaced leaves the record of what never happened.
    """
    files = {name: content for name, content in read_beside(pointer.model).items() if name != RUN}
    try:
        # Records of earlier releases do not say which change they are of.
        change = json.loads(files.get(PROMOTION, b"{}")).get("change", pointer.change)
    except (ValueError, AttributeError):
        return {}
    return files if change == pointer.change else {}


def _own_version(client: MlflowClient, use_case: str, pointer: Champion | Earlier) -> ModelVersion | None:
    """Return the registered version that a pointer means; one store may serve several registries."""
    version = by_number(client, use_case, pointer.registry_version)
    return version if version is not None and version.tags.get("bundle") == pointer.model else None


def _number(client: MlflowClient, use_case: str, alias: str) -> str | None:
    version = by_alias(client, use_case, alias)
    return None if version is None else str(version.version)
