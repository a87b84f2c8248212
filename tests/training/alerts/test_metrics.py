from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from tests.moto import Moto
from tests.processes import free_port
from tests.training.alerts.incident_room import CALIBRATION, DAY, INCOME, START, Room
from training.alerts import METRICS, Alerts, Look, raise_alerts
from training.alerts.metrics import Meter, emf_line, publish

# After AWS's specification of the embedded metric format.
EMF: Mapping[str, Any] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {
                                            "enum": ["None", "Count", "Percent", "Seconds", "Milliseconds"]
                                        },
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9)


@given(st.dictionaries(st.sampled_from(sorted(METRICS)), NUMBERS), st.text(min_size=1, max_size=60))
def test_lines_follow_the_embedded_metric_format(measures: dict[str, float], use_case: str) -> None:
    line = emf_line("Aval", use_case, measures, START)
    assert "\n" not in line
    body = json.loads(line)
    Draft7Validator(EMF).validate(body)
    (directive,) = body["_aws"]["CloudWatchMetrics"]
    assert body["_aws"]["Timestamp"] == START // 1000
    # Every name that is referred to must be a member: a text for a dimension, a number for a metric.
    assert [body[name] for [name] in directive["Dimensions"]] == [use_case]
    assert {item["Name"]: body[item["Name"]] for item in directive["Metrics"]} == measures


def test_a_look_publishes_its_measures_and_the_incidents_that_are_open(
    desk: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    alerts = Alerts((), (Meter("figures"),))
    findings = [[INCOME, CALIBRATION], [CALIBRATION], [CALIBRATION]]
    for day, found in enumerate(findings):
        measures = {"Drift.ScorePsi": 0.03, "Calibration.Intercept": float("nan")}
        raise_alerts(
            desk.store, alerts, Look("credit_risk", found, START + day * DAY, measures), lambda _: None
        )
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["Incidents.Open"], line["Incidents.Critical"]) for line in lines] == [
        (2, 1),
        (2, 1),
        (1, 1),
    ]
    assert {line["Drift.ScorePsi"] for line in lines} == {0.03}
    assert not any("Calibration.Intercept" in line for line in lines)


def test_lines_go_to_standard_output_where_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    publish([Meter("figures", "stdout", "Bank/Aval")], "credit_risk", {"Drift.Columns": 2}, START, fail)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Bank/Aval"
    assert printed.err == ""


def test_metrics_reach_cloudwatch_by_its_api(moto_s3: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto_s3.environment.items():
        monkeypatch.setenv(name, value)
    namespace = "Aval/tests"
    publish([Meter("figures", "cloudwatch", namespace)], "credit_risk", {"Drift.ScorePsi": 0.31}, START, fail)
    client = boto3.client("cloudwatch")
    (metric,) = client.list_metrics(Namespace=namespace)["Metrics"]
    assert metric["MetricName"] == "Drift.ScorePsi"
    assert metric["Dimensions"] == [{"Name": "UseCase", "Value": "credit_risk"}]


def test_metrics_that_cannot_be_published_are_told_and_end_nothing(
    desk: Room, moto_s3: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**moto_s3.environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}.items():
        monkeypatch.setenv(name, value)
    alerts = Alerts((), (Meter("figures", "cloudwatch"),))
    opened = raise_alerts(desk.store, alerts, Look("credit_risk", [INCOME], START), desk.complaints.append)
    assert len(opened) == 1
    (complaint,) = desk.complaints
    assert complaint.startswith("metrics figures: not published: Could not connect")


def fail(line: str) -> None:
    raise AssertionError(line)
