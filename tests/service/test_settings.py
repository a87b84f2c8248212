from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from service import settings as module
from service.errors import WrongUse
from service.settings import Settings

VARIABLES = re.findall(r'"((?:AVAL|BENTOML|MLFLOW|OTEL|PROMETHEUS)_\w+)"', inspect.getsource(module))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing is set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def refusal(name: str, text: str, bare: pytest.MonkeyPatch) -> str:
    bare.setenv(name, text)
    with pytest.raises(WrongUse) as refused:
        Settings.from_environment()
    return str(refused.value)


def test_every_setting_has_a_default(bare: pytest.MonkeyPatch) -> None:
    home = Path.cwd() / ".aval"
    found = Settings.from_environment()
    assert found == Settings(
        model=None,
        home=home,
        bentoml_home=Path.home() / "bentoml",
        tracking_uri=f"sqlite:///{home / 'mlflow.db'}",
        decision_log=f"sqlite:///{home / 'decisions.db'}",
        spool=home / "spool",
        segments=str(home / "segments"),
        monitoring=f"sqlite:///{home / 'monitoring.db'}",
        s3_kms_key=None,
        time_zone="UTC",
        batch_roots=(),
        largest_body=1_048_576,
        log_down="closed",
        api_keys=None,
        host="127.0.0.1",
        without_keys=False,
        workers=1,
        concurrency=128,
        drain_seconds=0,
        shadow=None,
        path="",
        cors_origins=(),
        request_log=True,
        spans_to=None,
        in_worker=False,
    )


SET = {
    "model": ("AVAL_MODEL", "credit_risk:3", "credit_risk:3"),
    "home": ("AVAL_HOME", "/srv/aval", Path("/srv/aval")),
    "bentoml_home": ("BENTOML_HOME", "/srv/bentoml", Path("/srv/bentoml")),
    "tracking_uri": ("MLFLOW_TRACKING_URI", "https://mlflow.example", "https://mlflow.example"),
    "decision_log": ("AVAL_DECISION_LOG", "off", None),
    "spool": ("AVAL_SPOOL", "/srv/spool", Path("/srv/spool")),
    "segments": ("AVAL_SEGMENTS", "s3://bank-decisions/segments", "s3://bank-decisions/segments"),
    "monitoring": ("AVAL_MONITORING", "postgresql://db/watching", "postgresql://db/watching"),
    "s3_kms_key": ("AVAL_S3_KMS_KEY", "alias/batch", "alias/batch"),
    "time_zone": ("AVAL_TIME_ZONE", "Europe/Madrid", "Europe/Madrid"),
    "batch_roots": (
        "AVAL_BATCH_ROOTS",
        "/srv/files, s3://bank/batch, ",
        ("/srv/files", "s3://bank/batch"),
    ),
    "largest_body": ("AVAL_MAX_BODY", "2048", 2048),
    "log_down": ("AVAL_DECISION_LOG_DOWN", "open", "open"),
    "api_keys": ("AVAL_API_KEYS", "/srv/keys.json", Path("/srv/keys.json")),
    "host": ("AVAL_HOST", "192.0.2.1", "192.0.2.1"),
    "without_keys": ("AVAL_WITHOUT_KEYS", "yes", True),
    "workers": ("AVAL_WORKERS", "4", 4),
    "concurrency": ("AVAL_CONCURRENCY", "64", 64),
    "drain_seconds": ("AVAL_DRAIN_SECONDS", "15", 15),
    "shadow": ("AVAL_SHADOW", "credit_risk:4", "credit_risk:4"),
    "path": ("AVAL_PATH", "/risk/credit_risk", "/risk/credit_risk"),
    "cors_origins": (
        "AVAL_CORS_ORIGINS",
        "https://a.example, https://b.example",
        ("https://a.example", "https://b.example"),
    ),
    "request_log": ("AVAL_REQUEST_LOG", "no", False),
    "spans_to": ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318", "http://127.0.0.1:4318"),
    "in_worker": ("PROMETHEUS_MULTIPROC_DIR", "/srv/metrics", True),
}


@pytest.mark.parametrize("field", SET)
def test_a_setting_is_read_from_its_variable(field: str, bare: pytest.MonkeyPatch) -> None:
    name, text, value = SET[field]
    bare.setenv(name, text)
    assert getattr(Settings.from_environment(), field) == value


def test_every_setting_and_every_variable_is_tried_here() -> None:
    assert set(SET) == {field.name for field in fields(Settings)}
    assert {name for name, _, _ in SET.values()} == set(VARIABLES)


@pytest.mark.parametrize("name", [name for name in VARIABLES if not name.startswith("PROMETHEUS")])
def test_an_empty_variable_is_as_one_that_is_not_set(name: str, bare: pytest.MonkeyPatch) -> None:
    default = Settings.from_environment()
    bare.setenv(name, "")
    assert Settings.from_environment() == default


def test_a_folder_of_segments_is_the_same_from_every_folder(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AVAL_SEGMENTS", "kept/here")
    assert Settings.from_environment().segments == str(Path.cwd() / "kept" / "here")


@pytest.mark.parametrize(
    ("log", "monitoring"),
    [
        ("sqlite:////srv/log/decisions.db", "sqlite:////srv/log/monitoring.db"),
        ("sqlite:///decisions.db", "sqlite:///monitoring.db"),
        ("postgresql://aval:hidden@db/decisions", "postgresql://aval:hidden@db/decisions"),
        ("off", "sqlite:////srv/aval/monitoring.db"),
    ],
)
def test_monitoring_is_kept_beside_the_log(log: str, monitoring: str, bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AVAL_HOME", "/srv/aval")
    bare.setenv("AVAL_DECISION_LOG", log)
    assert Settings.from_environment().monitoring == monitoring


@pytest.mark.parametrize("text", ["1MB", "-5", "0", "1e6", "9" * 40, "٣"])
def test_a_body_limit_that_is_no_number_of_bytes_is_refused(text: str, bare: pytest.MonkeyPatch) -> None:
    assert refusal("AVAL_MAX_BODY", text, bare) == (
        f"AVAL_MAX_BODY={text!r} is not a number of bytes; it must be a whole number from 1 up"
    )


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("AVAL_CONCURRENCY", "63", "is not a number of requests; it must be a whole number from 64 up"),
        ("AVAL_CONCURRENCY", "many", "is not a number of requests; it must be a whole number from 64 up"),
        ("AVAL_WORKERS", "0", "is not a number of processes; it must be a whole number from 1 up"),
        ("AVAL_DRAIN_SECONDS", "1.5", "is not a number of seconds; it must be a whole number from 0 up"),
        ("AVAL_WITHOUT_KEYS", "true", "is not one of: yes, no"),
        ("AVAL_WITHOUT_KEYS", "1", "is not one of: yes, no"),
        ("AVAL_REQUEST_LOG", "off", "is not one of: yes, no"),
        ("AVAL_DECISION_LOG_DOWN", "Open", "is not one of: closed, open"),
        (
            "AVAL_PATH",
            "credit_risk",
            "is no path such as /credit_risk: letters, digits, _ and - after each /",
        ),
        (
            "AVAL_PATH",
            "/credit_risk/",
            "is no path such as /credit_risk: letters, digits, _ and - after each /",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_name_with_those_that_are(
    name: str, text: str, told: str, bare: pytest.MonkeyPatch
) -> None:
    assert refusal(name, text, bare) == f"{name}={text!r} {told}"


def test_a_password_in_an_address_is_in_no_text_of_the_settings(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AVAL_DECISION_LOG", "postgresql://aval:hidden@db/decisions")
    bare.setenv("AVAL_MONITORING", "postgresql://aval:hidden@db/watching")
    bare.setenv("MLFLOW_TRACKING_URI", "https://aval:hidden@mlflow.example")
    assert "hidden" not in repr(Settings.from_environment())
