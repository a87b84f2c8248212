"""A training as an MLflow run, and every trial of its search as a run nested in it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from service.scoring.bundle import RUN
from training.registry.figures import metrics_of, parameters_of, tags_of
from training.registry.inputs import input_of
from training.registry.model_folder import write_model
from training.registry.reports import reports_of
from training.train import Trained
from training.trial import Trial

Item = TypeVar("Item")

MODEL = "model"
# MLflow takes this many parameters and tags at once, and no longer value of a parameter.
MOST_AT_ONCE = 100
LONGEST_VALUE = 6_000
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


def log_training(client: MlflowClient, run_id: str, trained: Trained, lineage: Mapping[str, Any]) -> None:
    """Log figures, data, reports and the model; the model's folder is `model` below the run's artifacts."""
    log_figures(
        client,
        run_id,
        parameters_of(trained),
        metrics_of(trained.scorer.evidence),
        tags_of(trained, lineage),
    )
    client.log_inputs(run_id, datasets=[input_of(trained.cases)])
    run = {
        "run_id": run_id,
        "data_source": trained.cases.source,
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "measured": trained.measured,
        **lineage,
    }
    files = {**trained.files, RUN: json.dumps(run, indent=1).encode()}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in reports_of(trained).items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        write_model(Path(folder) / MODEL, files, trained.scorer.tag, trained.cases.use_case)
        client.log_artifacts(run_id, folder)


def log_trials(client: MlflowClient, run_id: str, experiment_id: str, trials: Sequence[Trial]) -> None:
    """Log each trial as a run of its own below the training's, with times that follow one another up to now."""
    ended = [trial.seconds for trial in trials]
    started = int((time.time() - sum(ended)) * 1000)
    for trial in trials:
        run = client.create_run(
            experiment_id,
            start_time=started,
            run_name=f"{trial.candidate} {trial.number}",
            tags={MLFLOW_PARENT_RUN_ID: run_id, "candidate": trial.candidate, "state": trial.state},
        )
        started += int(trial.seconds * 1000)
        parameters = {"candidate": trial.candidate, "number": trial.number, **trial.parameters}
        figures = {"objective": trial.objective, **trial.figures, "seconds": trial.seconds}
        known = {name: value for name, value in figures.items() if value is not None}
        log_figures(client, run.info.run_id, parameters, known, {})
        client.set_terminated(run.info.run_id, STATUS[trial.state], end_time=started)


def log_figures(
    client: MlflowClient,
    run_id: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> None:
    """Log parameters, metrics and tags in as few requests as MLflow allows; a value too long for it is cut."""
    now = int(time.time() * 1000)
    params = [Param(name, _short(str(value))) for name, value in parameters.items()]
    values = [Metric(name, value, now, 0) for name, value in metrics.items()]
    labels = [RunTag(name, value) for name, value in tags.items()]
    client.log_batch(
        run_id,
        metrics=values[:MOST_AT_ONCE],
        params=params[:MOST_AT_ONCE],
        tags=labels[:MOST_AT_ONCE],
    )
    for some_values in _chunks(values[MOST_AT_ONCE:]):
        client.log_batch(run_id, metrics=some_values)
    for some_params in _chunks(params[MOST_AT_ONCE:]):
        client.log_batch(run_id, params=some_params)


def _short(value: str) -> str:
    return value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"


def _chunks(items: Sequence[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, MOST_AT_ONCE)):
        yield some
