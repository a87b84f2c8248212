from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from service.scoring.scorer import Scorer
from tests.processes import Home
from tests.training.alerts.web_receiver import web_receiver
from tests.training.monitoring.monitored import DAY, cases, decide, store_in
from training.cli.drift import drift

CASE = "credit_risk"
INCOME = "drift:person_income"


@pytest.fixture
def home(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick_home: Callable[[str], Home],
    quick_scorer: Callable[..., Scorer],
) -> Path:
    """A home whose log has months as ever, a week of twice the income, and after today a week as ever again."""
    store, now = store_in(tmp_path), time.time_ns() // 1000
    monkeypatch.setenv("AVAL_HOME", str(tmp_path))
    monkeypatch.setenv("AVAL_DECISION_LOG", store.address)
    monkeypatch.setenv("AVAL_SEGMENTS", str(tmp_path / "segments"))
    monkeypatch.setenv("BENTOML_HOME", str(quick_home(CASE).bentoml_home))
    as_ever, last = cases(CASE, 1_000, seed=1), cases(CASE, 300, seed=3)
    dearer = [{**row, "person_income": row["person_income"] * 2} for row in cases(CASE, 300, seed=2)]
    for rows, days in ((as_ever, (96.9, 7.0)), (dearer, (6.9, 0.0)), (last, (-0.1, -7.0))):
        decide(store, quick_scorer(CASE), rows, days, now)
    return tmp_path


def look(*arguments: str) -> tuple[int, str]:
    """Run `aval drift`; returns its exit code and what it said."""
    app = typer.Typer()
    app.command()(drift)
    done = CliRunner().invoke(app, [CASE, "--no-track", *arguments])
    assert isinstance(done.exception, SystemExit | None), done.exception
    return done.exit_code, done.stderr


def test_drift_is_told_once_when_it_begins_and_once_when_it_is_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_receiver() as receiver:
        hook = {"name": "hook", "kind": "webhook", "url": receiver.url}
        (home / "alerts.json").write_text(json.dumps({"channels": [hook]}))
        told = ["--alerts", str(home / "alerts.json")]
        assert [look(*told)[0] for _ in range(2)] == [1, 1]
        began = [request.json for request in receiver.received if request.json["key"] == INCOME]
        assert [(body["step"], body["use_case"]) for body in began] == [("opened", CASE)]
        assert began[0]["figures"]["csi"] > 0.1
        for days in (7.5, 8.1):
            moment = time.time_ns() + int(days * DAY) * 1000
            with monkeypatch.context() as later:
                clock = SimpleNamespace(time_ns=lambda now=moment: now)
                later.setattr(sys.modules[drift.__module__], "time", clock)
                look(*told)
        steps = [request.json["step"] for request in receiver.received if request.json["key"] == INCOME]
        assert steps == ["opened", "recovered"]
        assert len(set(receiver.ids)) == len(receiver.ids)


def test_a_channel_that_is_down_ends_no_look_and_is_complained_of(home: Path) -> None:
    with web_receiver() as receiver:
        receiver.statuses = [404]
        hook = {"name": "hook", "kind": "webhook", "url": receiver.url}
        (home / "alerts.json").write_text(json.dumps({"channels": [hook]}))
        code, said = look("--alerts", str(home / "alerts.json"))
    assert code == 1
    assert "channel hook: not sent (opened, Aval: " in said
    assert "127.0.0.1 answered 404" in said
