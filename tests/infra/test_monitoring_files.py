"""Dashboards and alert rules speak of what is really measured, and each alert fires when it should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with BentoML, without its types

from service.online.metrics import Metrics
from training.alerts.alerts_file import read_alerts

INFRA = Path(__file__).resolve().parents[2] / "infra"
GRAFANA = json.loads((INFRA / "grafana" / "aval.json").read_text("utf-8"))
RULES = yaml.safe_load((INFRA / "prometheus" / "rules.yaml").read_text("utf-8"))
TESTS = sorted((INFRA / "prometheus").glob("*_test.yaml"))
TESTED = [test for file in TESTS for test in yaml.safe_load(file.read_text("utf-8"))["tests"]]
TEMPLATE = (INFRA / "cloudwatch" / "dashboard.json.tftpl").read_text("utf-8")
SERVES = {
    "version": "1",
    "use_case": "u",
    "model": "u:1",
    "policy": "p",
    "contract": "c",
    "shadow": "",
}
# What `aval drift` sends to CloudWatch.
SENT = {
    "Drift.ScorePsi",
    "Drift.Columns",
    "Incidents.Open",
    "Incidents.Critical",
    "Outcomes.Told",
    "Calibration.Intercept",
}
VALUES = {
    "region": "eu-west-1",
    "use_case": "credit_risk",
    "cluster": "aval",
    "service": "aval-credit-risk",
    "load_balancer": "app/aval/0123456789abcdef",
    "target_group": "targetgroup/aval/0123456789abcdef",
}
GRID = 24


@pytest.fixture(scope="module")
def exposed() -> dict[str, set[str]]:
    """Names in a real exposition, after something of everything was counted, with their labels."""
    metrics = Metrics(["/predict"], SERVES, None)
    metrics.answered("/predict", "POST", 200, 0.001)
    metrics.decided("approve", 0.1)
    metrics.refused([("age", "range")])
    metrics.shadowed("done")
    metrics.committed(1, 0.001)
    metrics.log_state(0, 0, True)
    incidents = {"warning": 0, "critical": 0}
    metrics.watched({"psi": 0.1, "told": 1, "behind": 0, "csi": {"age": 0.1}, "incidents": incidents})
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", metrics.text().decode(), re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def test_grafana_asks_only_for_what_is_exposed(exposed: dict[str, set[str]]) -> None:
    assert list(_questions())
    for question in _questions():
        _hold(question, exposed)


def test_alert_rules_ask_only_for_what_is_exposed(exposed: dict[str, set[str]]) -> None:
    for rule in _rules():
        _hold(rule["expr"], exposed)


def test_the_series_of_the_rules_tests_are_those_of_the_service(exposed: dict[str, set[str]]) -> None:
    for test in TESTED:
        for series in test["input_series"]:
            _hold(series["series"], exposed)


def test_grafana_keeps_use_cases_apart_and_shows_only_the_chosen_ones() -> None:
    for question in _questions():
        chosen = re.findall(r"\baval_\w+(\{[^}]*\})?", question)
        assert all('use_case=~"$use_case"' in labels for labels in chosen), question
        # The largest of several use cases is that of none of them.
        for by in re.findall(r"\b(?:min|max) by \(([^)]*)\)", question):
            assert "use_case" in by.split(", "), question


def test_the_psi_of_the_score_is_shown_and_judged_nowhere() -> None:
    assert not [rule["alert"] for rule in _rules() if "aval_drift_psi" in rule["expr"]]
    panel = next(panel for panel in GRAFANA["panels"] if panel["title"] == "PSI of the score")
    assert len(panel["fieldConfig"]["defaults"]["thresholds"]["steps"]) == 1
    charts = [widget["properties"] for widget in _body()["widgets"] if widget["type"] == "metric"]
    shown = next(chart for chart in charts if chart["title"] == "PSI of the score")
    assert "annotations" not in shown


def test_nobody_is_told_that_aval_drift_counts_what_the_gauges_are_made_of() -> None:
    behind = next(rule for rule in _rules() if rule["alert"] == "AvalMonitoringBehind")
    assert "aval drift" not in behind["annotations"]["action"]
    assert "/metrics" in behind["annotations"]["action"]
    assert "`aval drift` counts nothing" in (INFRA / "prometheus" / "README.md").read_text("utf-8")


def test_every_panel_of_grafana_has_its_own_number_and_place() -> None:
    panels = GRAFANA["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    _hold_places([panel["gridPos"] for panel in panels], "wh")
    for panel in panels:
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}", panel["title"]


def test_every_operational_metric_has_a_panel(exposed: dict[str, set[str]]) -> None:
    questions = " ".join(_questions())
    families = {re.sub(r"_(total|bucket|sum|count|created)$", "", name) for name in exposed}
    assert {family for family in families if family not in questions} == set()


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    names = [rule["alert"] for rule in _rules()]
    assert len(set(names)) == len(names)
    for rule in _rules():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert "$labels.use_case" in rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["action"], rule["alert"]
        assert rule["for"], rule["alert"]


def test_each_alert_is_shown_to_fire_and_to_stay_silent() -> None:
    cases = [case for test in TESTED for case in test["alert_rule_test"]]
    fired = {case["alertname"] for case in cases if case["exp_alerts"]}
    silent = {case["alertname"] for case in cases if not case["exp_alerts"]}
    assert fired == silent == {rule["alert"] for rule in _rules()}


def test_the_rules_do_what_their_tests_say() -> None:
    done = _promtool("test", "rules", *(file.name for file in TESTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_for_prometheus_is_valid() -> None:
    done = _promtool("check", "config", "prometheus.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_question_of_grafana_can_be_asked(tmp_path: Path) -> None:
    filled = [item.replace("$__rate_interval", "5m").replace("$use_case", ".*") for item in _questions()]
    rules = [{"record": f"grafana:question_{at}", "expr": item} for at, item in enumerate(filled)]
    file = tmp_path / "questions.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "grafana", "rules": rules}]}), "utf-8")
    done = _promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_body_for_cloudwatch_is_json_once_it_is_filled_in() -> None:
    body = _body()
    assert "${" not in json.dumps(body)
    _hold_places(
        [{key: widget[key] for key in ("x", "y", "width", "height")} for widget in body["widgets"]], ""
    )
    assert set(re.findall(r"\$\{(\w+)\}", TEMPLATE)) == set(VALUES)


def test_cloudwatch_shows_what_aval_sends_and_nothing_else_of_ours() -> None:
    own = [metric for metric in _metrics() if metric[0] == "Aval"]
    assert {metric[1] for metric in own} == SENT
    assert all(metric[2:4] == ["UseCase", "credit_risk"] for metric in own)


@pytest.mark.parametrize("to", ["cloudwatch", "stdout", "stderr"])
def test_the_channel_that_the_readme_of_cloudwatch_gives_is_one_that_there_is(
    tmp_path: Path, to: str
) -> None:
    text = (INFRA / "cloudwatch" / "README.md").read_text("utf-8")
    example = re.search(r"^    \[\[channels\]\]\n(?:^    .*\n)+", text, re.MULTILINE)
    assert example is not None
    assert f'to = "{to}"' in text
    written = re.sub(r'to = "\w+"', f'to = "{to}"', textwrap.dedent(example[0]))
    (tmp_path / "alerts.toml").write_text(written, "utf-8")
    (meter,) = read_alerts(None, tmp_path).meters
    assert meter.to == to


def test_cloudwatch_names_dimensions_that_its_own_services_have() -> None:
    for namespace, _, *rest in _metrics():
        dimensions = {item for item in rest[::2] if isinstance(item, str)}
        assert (
            dimensions
            <= {
                "Aval": {"UseCase"},
                "AWS/ECS": {"ClusterName", "ServiceName"},
                "AWS/ApplicationELB": {"LoadBalancer", "TargetGroup"},
            }[namespace]
        )


def _questions() -> Iterator[str]:
    for panel in GRAFANA["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def _rules() -> Iterator[dict[str, Any]]:
    for group in RULES["groups"]:
        yield from group["rules"]


def _hold(question: str, exposed: dict[str, set[str]]) -> None:
    for name, labels in re.findall(r"\b(aval_\w+)(?:\{([^}]*)\})?", question):
        assert name in exposed, f"{name} is not exposed: {question}"
        asked = set(re.findall(r"(\w+)\s*=~?", labels)) - {"use_case", "instance"}
        assert asked <= exposed[name], f"{name} has {exposed[name]}: {question}"


def _hold_places(places: list[dict[str, int]], short: str) -> None:
    wide, high = ("w", "h") if short else ("width", "height")
    taken: set[tuple[int, int]] = set()
    for place in places:
        assert place["x"] + place[wide] <= GRID, place
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place[wide])
            for down in range(place[high])
        }
        assert not cells & taken, place
        taken |= cells


def _body() -> dict[str, Any]:
    return dict(json.loads(Template(TEMPLATE).substitute(VALUES)))


def _metrics() -> list[list[Any]]:
    charts = [widget["properties"] for widget in _body()["widgets"] if widget["type"] == "metric"]
    assert all(chart["region"] == VALUES["region"] for chart in charts)
    return [metric for chart in charts for metric in chart["metrics"]]


def _promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    if program is None:
        reason = "no promtool on the path; install it: apt-get install prometheus"
        if os.environ.get("AVAL_REQUIRE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = INFRA / "prometheus"
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
