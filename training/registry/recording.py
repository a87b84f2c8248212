"""A training recorded: its run in the use case's experiment, and its model registered as the challenger."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlflow import MlflowClient

from service.errors import AvalError
from training.registry.client import ALREADY_THERE, TrackingRefused
from training.registry.run import MODEL, log_training, log_trials
from training.registry.version import CHALLENGER, Version
from training.train import Trained


def record_training(
    client: MlflowClient, trained: Trained, lineage: Mapping[str, Any], artifacts: str | None
) -> Version:
    """Log a training and its trials, register its model and make it the challenger, in this order.

    `artifacts` is where a new experiment keeps its files, None for where the server wants them. Two trainings at
    once give two versions, one of them the challenger. One that is broken off leaves a failed run and no version.
    """
    use_case = trained.cases.use_case.name
    experiment = _experiment(client, use_case, artifacts)
    run = client.create_run(experiment, run_name=trained.chosen.name)
    try:
        log_trials(client, run.info.run_id, experiment, trained.trials)
        log_training(client, run.info.run_id, trained, lineage)
    except BaseException:
        with suppress(AvalError):
            client.set_terminated(run.info.run_id, "FAILED")
        raise
    client.set_terminated(run.info.run_id)
    _make_registered_model(client, use_case)
    version = client.create_model_version(
        use_case,
        source=f"{run.info.artifact_uri}/{MODEL}",
        run_id=run.info.run_id,
        tags={"bundle": trained.scorer.tag, "data_fingerprint": trained.cases.fingerprint},
    )
    client.set_registered_model_alias(use_case, CHALLENGER, version.version)
    return Version(use_case, str(version.version), run.info.run_id, trained.scorer, trained.files)


def _experiment(client: MlflowClient, use_case: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(use_case)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(use_case, artifact_location=artifacts))
    except TrackingRefused as error:
        # Another training may have been quicker.
        made = client.get_experiment_by_name(use_case)
        if error.code != ALREADY_THERE or made is None:
            raise
        return str(made.experiment_id)


def _make_registered_model(client: MlflowClient, use_case: str) -> None:
    try:
        client.create_registered_model(use_case)
    except TrackingRefused as error:
        if error.code != ALREADY_THERE:
            raise
