"""The figures of a look in MLflow: a run in the experiment of the use case."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from service.settings import Settings
from training.monitoring.report import DriftReport
from training.registry.client import open_client
from training.registry.run import log_figures

REPORT = "drift.json"
# MLflow takes no other characters in the name of a metric.
_FORBIDDEN = re.compile(r"[^\w\-. :/]")


def track(settings: Settings, report: DriftReport, page: Path | None = None) -> str:
    """Log a look as a run, with its report and Evidently's page as artifacts; returns the run's id.

    Raises `TrackingDown` and `TrackingRefused`.
    """
    client = open_client(settings.tracking_uri)
    period = f"{report.analysis['from'][:10]} to {report.analysis['until'][:10]}"
    run = client.create_run(_experiment(client, report.use_case, settings), run_name=f"drift {period}")
    tags = {"use_case": report.use_case, "bundle": report.model, "kind": "drift", "status": report.status}
    windows = {"analysis.from": report.analysis["from"], "analysis.until": report.analysis["until"]}
    parameters = {**windows, "reference": report.reference["source"], "records": report.analysis["records"]}
    log_figures(client, run.info.run_id, parameters, dict(_metrics(report)), tags)
    client.log_text(run.info.run_id, json.dumps(report.to_json(), indent=1), REPORT)
    if page is not None:
        client.log_artifact(run.info.run_id, str(page))
    client.set_terminated(run.info.run_id)
    return str(run.info.run_id)


def _experiment(client: MlflowClient, use_case: str, settings: Settings) -> str:
    found = client.get_experiment_by_name(use_case)
    if found is not None:
        return str(found.experiment_id)
    # MLflow's own default for SQLite is ./mlruns, wherever the command happened to be typed.
    local = settings.tracking_uri.startswith("sqlite:")
    artifacts = (settings.home / "artifacts").as_uri() if local else None
    return str(client.create_experiment(use_case, artifact_location=artifacts))


def _metrics(report: DriftReport) -> Iterator[tuple[str, float]]:
    yield "analysis.records", float(report.analysis["records"])
    yield "reference.rows", float(report.reference["rows"])
    if report.drift is not None:
        drift = report.drift.to_json()
        for column in drift.pop("columns"):
            name = _FORBIDDEN.sub("_", column["name"])
            yield from _numbers(f"column.{name}", column)
        yield from _numbers("", drift)
    yield from _numbers("performance", report.performance)


def _numbers(prefix: str, body: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield every number of JSON data by its path; lists are left to the report."""
    for name, value in body.items():
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Mapping):
            yield from _numbers(path, value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            yield _FORBIDDEN.sub("_", path), float(value)
