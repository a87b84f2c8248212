"""What is known of the model, and how fast requests are answered, as gauges and as figures."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.online.metrics import Metrics

FIGURES: dict[str, Any] = {
    "psi": 0.12,
    "csi": {"age": 0.3, "Saving accounts": None},
    "told": 7,
    "incidents": {"warning": 2, "critical": 0},
    "behind": 5,
    "looked": 1_795_000_000.25,
}
NAMES = (
    "aval_drift_psi",
    "aval_drift_csi",
    "aval_outcomes_told",
    "aval_open_incidents",
    "aval_monitoring_behind",
    "aval_monitoring_looked_seconds",
)
# Three workers, one after the other: the first one looks, the second one later, the third one never.
WORKER = """
import json, sys
from pathlib import Path
from service.online.metrics import Metrics
metrics = Metrics(("/predict",), {"model": "m"}, Path(sys.argv[1]))
if sys.argv[2] != "null":
    metrics.watched(json.loads(sys.argv[2]))
sys.stdout.write(metrics.text().decode())
"""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(("/predict", "/livez", "/metrics"), {"model": "m"}, None)


def samples(text: bytes | str) -> dict[str, float]:
    """The gauges' samples by name and label."""
    families = text_string_to_metric_families(text.decode() if isinstance(text, bytes) else text)
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        if family.name in NAMES
        for sample in family.samples
    }


def test_before_anybody_has_looked_no_gauge_is_a_figure(metrics: Metrics) -> None:
    assert all(map(math.isnan, samples(metrics.text()).values()))


def test_every_gauge_is_described_before_it_has_a_sample(metrics: Metrics) -> None:
    assert all(f"# TYPE {name} gauge" in metrics.text().decode() for name in NAMES)


def test_gauges_tell_what_is_known_and_nothing_of_what_is_not(metrics: Metrics) -> None:
    metrics.watched(FIGURES)
    found = samples(metrics.text())
    assert math.isnan(found.pop("aval_drift_csi Saving accounts"))
    assert found == {
        "aval_drift_psi": 0.12,
        "aval_drift_csi age": 0.3,
        "aval_outcomes_told": 7,
        "aval_open_incidents warning": 2,
        "aval_open_incidents critical": 0,
        "aval_monitoring_behind": 5,
        "aval_monitoring_looked_seconds": 1_795_000_000.25,
    }


def test_that_counting_goes_on_somewhere_else_is_not_known_to_be_so(metrics: Metrics) -> None:
    metrics.watched(FIGURES)
    metrics.watched({**FIGURES, "looked": None, "behind": 6})
    found = samples(metrics.text())
    assert (found["aval_monitoring_looked_seconds"], found["aval_monitoring_behind"]) == (1_795_000_000.25, 6)


def test_of_several_workers_the_one_that_looked_last_is_right(tmp_path: Path) -> None:
    def work(figures: str) -> dict[str, float]:
        command = [sys.executable, "-c", WORKER, str(tmp_path), figures]
        environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
        return samples(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        )

    assert work("null") == {}
    first = '{"psi": 0.9, "csi": {}, "told": 9, "incidents": {}, "behind": 900, "looked": 100}'
    second = '{"psi": 0.1, "csi": {}, "told": 10, "incidents": {}, "behind": 0, "looked": null}'
    assert work(first)["aval_monitoring_behind"] == 900
    assert work(second)["aval_monitoring_behind"] == 0
    assert work("null") == {
        "aval_drift_psi": 0.1,
        "aval_outcomes_told": 10,
        "aval_monitoring_behind": 0,
        "aval_monitoring_looked_seconds": 100,
    }


def test_there_is_no_latency_of_no_requests(metrics: Metrics) -> None:
    assert metrics.traffic() == {"requests": 0, "errors": 0, "p50_ms": None, "p99_ms": None}


def test_traffic_is_what_callers_asked_and_not_what_watches(metrics: Metrics) -> None:
    for _ in range(98):
        metrics.answered("/predict", "POST", 200, 0.0007)
    metrics.answered("/predict", "POST", 503, 0.09)
    metrics.answered("/made/up", "GET", 404, 0.09)
    for path in ("/livez", "/metrics"):
        metrics.answered(path, "GET", 500, 9.0)
    traffic = metrics.traffic()
    assert (traffic["requests"], traffic["errors"]) == (100, 1)
    assert 0.5 <= traffic["p50_ms"] <= 1.0
    assert 50 <= traffic["p99_ms"] <= 100


def test_a_request_slower_than_every_border_counts_as_the_last(metrics: Metrics) -> None:
    metrics.answered("/predict", "POST", 200, 1e9)
    assert metrics.traffic()["p99_ms"] == 10_000
