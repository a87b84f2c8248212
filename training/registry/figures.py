"""What a training's run says in MLflow: parameters, metrics and tags, drawn from the bundle's evidence."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_RUN_NOTE, MLFLOW_SOURCE_NAME

from training.train import Trained

# The parts of the evidence that are judged on rows of their own.
JUDGED = ("procedure", "shipped")


def parameters_of(trained: Trained) -> dict[str, Any]:
    """Return the candidate with its parameters, and what its data were: source, rows, shapes and columns."""
    data = trained.scorer.evidence["data"]
    return {
        "model": trained.chosen.name,
        "data.source": trained.cases.source,
        **trained.chosen.parameters,
        **_flat(data, "data"),
        **_tables(data.get("tables", {})),
    }


def metrics_of(evidence: Mapping[str, Any]) -> dict[str, float]:
    """Return `procedure.*` and `shipped.*` with their intervals, and `cv.<candidate>.*`; what is no number is left out.

    `total_cost` is the cost of the decisions on all the rows that the part was judged on.
    """
    found = dict(pair for part in JUDGED for pair in _judged(part, evidence[part]))
    for standing in evidence["candidates"]:
        found |= {f"cv.{standing['name']}.{name}": value for name, value in standing.items()}
    return {name: float(value) for name, value in found.items() if _is_number(value)}


def tags_of(trained: Trained, lineage: Mapping[str, Any]) -> dict[str, str]:
    """Return what runs are searched by: use case, bundle, policy, contract and lineage."""
    scorer = trained.scorer
    revision = str(lineage.get("git_revision", "unknown"))
    return {
        "use_case": scorer.contract.use_case,
        "bundle": scorer.tag,
        "policy": scorer.policy.version,
        "contract": scorer.contract.version,
        MLFLOW_SOURCE_NAME: "aval train",
        MLFLOW_GIT_COMMIT: revision,
        MLFLOW_RUN_NOTE: f"{scorer.contract.title}: {scorer.contract.description}",
        **{f"lineage.{name}": str(value) for name, value in lineage.items()},
    }


def _judged(part: str, judgement: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    metrics = judgement["metrics"]
    yield from ((f"{part}.{name}", value) for name, value in metrics.items())
    yield f"{part}.total_cost", metrics["cost_per_case"] * metrics["rows"]
    for name, (low, high) in judgement.get("intervals", {}).items():
        yield f"{part}.{name}.low", low
        yield f"{part}.{name}.high", high


def _tables(tables: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for stage, table in tables.items():
        found[f"data.{stage}.rows"] = table["rows"]
        found[f"data.{stage}.columns"] = len(table["columns"])
        found[f"data.{stage}.column_names"] = json.dumps(table["columns"], ensure_ascii=False)
    return found


def _flat(body: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in body.items() if not isinstance(value, (dict, list))}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
