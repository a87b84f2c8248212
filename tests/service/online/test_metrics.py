from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.online.metrics import OTHER, Metrics

ROUTES = ("/predict", "/schema")
SERVES = {"model": "credit_risk:1", "policy": "p-1"}
# What a worker does before it is killed.
WORKER = """
import sys
import time
from pathlib import Path
from service.online.metrics import Metrics
metrics = Metrics(("/predict",), {"model": "m"}, Path(sys.argv[1]))
if sys.argv[2:]:
    metrics.forget_dead_workers()
metrics.answered("/predict", "POST", 200, 0.001)
metrics.log_state(7, 0, True)
sys.stdout.write(metrics.text().decode())
"""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(ROUTES, SERVES, None)


def value(text: bytes | str, name: str, **labels: str) -> float | None:
    """Return the one sample of this name whose labels include these."""
    text = text.decode() if isinstance(text, bytes) else text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = [item for item in samples if item.name == name and labels.items() <= item.labels.items()]
    assert len(found) <= 1, found
    return found[0].value if found else None


def test_a_path_that_a_caller_made_up_has_no_label_of_its_own(metrics: Metrics) -> None:
    for number in range(500):
        metrics.answered(f"/person/{number}", f"VERB{number}", 404, 0.001)
    assert value(metrics.text(), "aval_requests_total", route=OTHER, method=OTHER, status="404") == 500
    assert b"/person" not in metrics.text()


def test_refused_fields_are_counted_with_what_was_wrong(metrics: Metrics) -> None:
    metrics.refused([("age", "range"), ("age", "range"), ("(unknown)", "unknown")])
    assert value(metrics.text(), "aval_refused_fields_total", field="age", code="range") == 2


def test_decisions_are_counted_by_outcome_from_the_first_scrape_on(metrics: Metrics) -> None:
    assert value(metrics.text(), "aval_decisions_total", decision="refer") == 0
    metrics.decided("refer", 0.17)
    assert value(metrics.text(), "aval_decisions_total", decision="refer") == 1
    assert value(metrics.text(), "aval_probability_bucket", le="0.2") == 1
    assert value(metrics.text(), "aval_probability_bucket", le="0.1") == 0


def test_a_stage_is_timed(metrics: Metrics) -> None:
    metrics.took("log", time.perf_counter() - 0.004)
    assert value(metrics.text(), "aval_stage_seconds_bucket", stage="log", le="0.005") == 1
    assert value(metrics.text(), "aval_stage_seconds_bucket", stage="log", le="0.002") == 0
    assert value(metrics.text(), "aval_stage_seconds_count", stage="score") == 0


def test_what_is_served_stands_in_one_gauge(metrics: Metrics) -> None:
    assert value(metrics.text(), "aval_info", model="credit_risk:1", policy="p-1") == 1


def test_workers_figures_are_added_up_and_a_dead_workers_gauges_are_forgotten(tmp_path: Path) -> None:
    def work(*forgetting: str) -> str:
        command = [sys.executable, "-c", WORKER, str(tmp_path), *forgetting]
        environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    first, second = work(), work()
    assert value(first, "aval_requests_total", route="/predict") == 1
    assert value(second, "aval_requests_total", route="/predict") == 2
    assert value(second, "aval_log_waiting") == 14
    assert value(work("forgetting"), "aval_log_waiting") == 7


def test_what_one_worker_counted_the_others_tell_once_it_is_shared(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from service.online.metrics import Metrics

def others():
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, sys.argv[1])
    return generate_latest(registry).decode()

metrics = Metrics(("/predict",), {"model": "m"}, Path(sys.argv[1]))
metrics.answered("/predict", "POST", 200, 0.001)
print(others(), end="SHARED")
metrics.share()
print(others())
"""
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", script, str(tmp_path)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    before, after = told.split("SHARED")
    assert value(before, "aval_requests_total", route="/predict") == 0
    assert value(after, "aval_requests_total", route="/predict") == 1
