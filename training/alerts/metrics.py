"""Figures of a look as metrics of CloudWatch: lines in its embedded metric format (EMF), or by its API.

Lines need no network and no rights: whatever carries a task's output to CloudWatch Logs, which makes metrics of them.
The format: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from training.alerts.incident import Incident
from training.alerts.one_line import one_line

To: TypeAlias = Literal["stdout", "stderr", "cloudwatch"]
NAMESPACE = "Aval"
DIMENSION = "UseCase"
# Every metric that there is, with its unit. They have one dimension, the use case.
METRICS: Mapping[str, str] = {
    "Drift.ScorePsi": "None",
    "Drift.Columns": "Count",
    "Outcomes.Told": "Count",
    "Calibration.Intercept": "None",
    "Incidents.Open": "Count",
    "Incidents.Critical": "Count",
}


@dataclass(frozen=True)
class Meter:
    """Where metrics go: to standard output or error as lines, or to CloudWatch's API. region: None for boto3's own."""

    name: str
    to: To = "stderr"
    namespace: str = NAMESPACE
    region: str | None = None


def publish(
    meters: Sequence[Meter],
    use_case: str,
    measures: Mapping[str, float],
    at: int,
    tell: Callable[[str], None],
) -> None:
    """Publish figures of a moment in µs UTC; what is no number is left out, and a meter that fails is told of.

    They are gauges: one that was missed is made good by the next look, so that none is sent again.
    """
    known = {name: float(value) for name, value in measures.items() if math.isfinite(value)}
    for meter in meters:
        try:
            _WAYS[meter.to](meter, use_case, known, at)
        except Exception as error:  # whatever it was, a metric is no reason to end a look
            tell(f"metrics {meter.name}: not published: {one_line(str(error), 200)}")


def counts_of(incidents: Sequence[Incident]) -> dict[str, float]:
    """Return the metrics about incidents."""
    lasting = [incident for incident in incidents if incident.is_open]
    critical = [incident for incident in lasting if incident.severity == "critical"]
    return {"Incidents.Open": len(lasting), "Incidents.Critical": len(critical)}


def emf_line(namespace: str, use_case: str, measures: Mapping[str, float], at: int) -> str:
    """Return one line in the embedded metric format, without its line break."""
    metrics = [{"Name": name, "Unit": METRICS.get(name, "None")} for name in measures]
    directive = {"Namespace": namespace, "Dimensions": [[DIMENSION]], "Metrics": metrics}
    head = {"Timestamp": at // 1000, "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": head, DIMENSION: use_case, **measures}, allow_nan=False)


def _print(meter: Meter, use_case: str, measures: Mapping[str, float], at: int) -> None:
    out = sys.stdout if meter.to == "stdout" else sys.stderr
    out.write(f"{emf_line(meter.namespace, use_case, measures, at)}\n")
    out.flush()


def _put(meter: Meter, use_case: str, measures: Mapping[str, float], at: int) -> None:
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})
    client = boto3.client("cloudwatch", region_name=meter.region, config=config)
    client.put_metric_data(Namespace=meter.namespace, MetricData=_data(use_case, measures, at))


def _data(use_case: str, measures: Mapping[str, float], at: int) -> list[dict[str, Any]]:
    moment = datetime.fromtimestamp(at // 1_000_000, UTC)
    dimensions = [{"Name": DIMENSION, "Value": use_case}]
    return [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": moment,
            "Value": value,
            "Unit": METRICS.get(name, "None"),
        }
        for name, value in measures.items()
    ]


_WAYS: Mapping[To, Callable[[Meter, str, Mapping[str, float], int], None]] = {
    "stdout": _print,
    "stderr": _print,
    "cloudwatch": _put,
}
