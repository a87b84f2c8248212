"""The dashboard over HTTP, as a browser and a program ask for it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.access.keys import ApiKey, digest_of, keys_json, new_id, new_secret
from service.monitoring.events import Event, event_store
from tests.processes import Home, post, web
from tests.service.decision_log.logs import wait_until
from tests.service.records import problem, records, refused

USE_CASE = "credit_risk"
TODAY = "until=2099-12-31&from=2099-12-01"


@pytest.fixture(scope="module")
def url(quick_home: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of two workers with a log of its own, in which twenty decisions, a refusal and an outcome are."""
    folder = tmp_path_factory.mktemp("watched")
    with event_store(f"sqlite:///{folder / 'monitoring.db'}") as store:
        store.add(Event(USE_CASE, "report", "first", 5, {"score": {"psi": 0.01}}))
    log = f"sqlite:///{folder / 'decisions.db'}"
    with quick_home(USE_CASE).serve(USE_CASE, AVAL_DECISION_LOG=log, AVAL_WORKERS="2") as served:
        decided = [post(f"{served}/predict", record).json() for record in records(USE_CASE)[:20]]
        assert post(f"{served}/predict", {}).status_code == 422
        told = {
            "decision_id": decided[0]["decision_id"],
            "outcome": 1,
            "observed_at": datetime.now(UTC).isoformat(),
        }
        assert post(f"{served}/outcomes", {"outcomes": [told]}).json()["results"][0]["status"] == "recorded"
        wait_until(lambda: board(served)["caught_up"], 40)
        yield served


def board(url: str, query: str = "") -> dict[str, Any]:
    answer = web.get(f"{url}/dashboard.json{query}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_it_tells_what_was_decided_refused_and_told(url: str) -> None:
    body = board(url)
    assert len(body["days"]) == 30
    assert sum(sum(body["volume"][name]) for name in ("approve", "refer", "decline")) == 20
    assert (sum(body["volume"]["refused"]), sum(body["volume"]["batch"])) == (1, 0)
    assert sum(body["score"]["analysis"]) == 20
    assert {column["status"] for column in body["columns"]} == {"few"}
    assert all(abs(sum(column["analysis"]) - 1) < 1e-9 for column in body["columns"])
    (cohort,) = body["outcomes"]["cohorts"]
    assert (cohort["decisions"], cohort["told"], cohort["matured"], cohort["bad"]) == (20, 1, False, None)
    (model,) = body["models"]
    assert (model["decisions"], model["told"]) == (20, 1)
    assert body["report"] == {"at": 5, "score": {"psi": 0.01}}
    assert body["traffic"]["requests"] > 0


def test_it_is_of_the_published_shape(url: str) -> None:
    document = web.get(f"{url}/docs.json").json()
    schema = {"$ref": "#/components/schemas/Dashboard", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(board(url))


def test_what_is_new_is_counted_while_somebody_looks(url: str) -> None:
    before = sum(board(url)["score"]["analysis"])
    assert post(f"{url}/predict", records(USE_CASE)[0]).status_code == 200
    assert board(url)["behind"] > 0
    wait_until(lambda: sum(board(url)["score"]["analysis"]) == before + 1, 40)


def test_days_without_decisions_are_nothing_and_no_fault(url: str) -> None:
    body = board(url, f"?{TODAY}")
    assert (body["from"], body["until"], len(body["days"])) == ("2099-12-01", "2099-12-31", 31)
    assert sum(body["volume"]["approve"]) == 0


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("?from=yesterday", "from", "from='yesterday' is not a day as 2026-11-21"),
        ("?until=2026-02-30", "until", "until='2026-02-30' is not a day as 2026-11-21"),
        ("?from=2026-02-02&until=2026-02-01", "until", "is not a day from 2026-02-02 to"),
        ("?from=2020-01-01&until=2026-01-01", "until", "at most 400 days"),
        ("?day=2026-02-01", "day", "is not one of: from, until, each once"),
    ],
)
def test_wrong_days_are_refused_by_name(url: str, query: str, field: str, told: str) -> None:
    (error,) = refused(web.get(f"{url}/dashboard.json{query}"))
    assert error["field"] == field
    assert told in error["message"]


def test_the_page_is_served_under_a_strict_policy(url: str) -> None:
    page = web.get(f"{url}/dashboard")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_figures_are_not_kept_by_caches(url: str) -> None:
    assert web.get(f"{url}/dashboard.json").headers["cache-control"] == "no-store"


def test_the_index_names_the_dashboard(url: str) -> None:
    assert {"/dashboard", "/dashboard.json"} <= set(web.get(url).json()["read"])


def test_gauges_tell_what_was_counted_whichever_worker_is_asked(url: str) -> None:
    wait_until(lambda: samples(url).get("aval_outcomes_told") == 1, 40)
    # A worker may have looked just before the other one had counted.
    wait_until(lambda: samples(url)["aval_monitoring_behind"] == 0, 40)
    found = samples(url)
    assert abs(found["aval_monitoring_looked_seconds"] - time.time()) < 60
    assert (found["aval_open_incidents critical"], found["aval_open_incidents warning"]) == (0, 0)
    # Of twenty decisions no index means anything.
    assert str(found["aval_drift_psi"]) == "nan"
    assert {name for name in found if name.startswith("aval_drift_csi")} == {
        f"aval_drift_csi {column['name']}" for column in board(url)["columns"]
    }


def samples(url: str) -> dict[str, float]:
    """The samples of the gauges, by name and label."""
    families = text_string_to_metric_families(web.get(f"{url}/metrics").text)
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        if family.name.startswith(("aval_drift", "aval_outcomes", "aval_open", "aval_monitoring"))
        for sample in family.samples
    }


def test_without_a_log_it_says_why_there_is_nothing_and_a_key_needs_the_scope_read(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    secrets = {scope: new_secret() for scope in ("read", "predict")}
    keys = [
        ApiKey(new_id(), scope, digest_of(secret), (scope,), datetime.now(UTC))
        for scope, secret in secrets.items()
    ]
    (tmp_path / "keys.json").write_bytes(keys_json(keys))
    with quick_home(USE_CASE).serve(
        USE_CASE, AVAL_DECISION_LOG="off", AVAL_API_KEYS=str(tmp_path / "keys.json")
    ) as url:
        problem(web.get(f"{url}/dashboard.json"), 401)
        problem(web.get(f"{url}/dashboard"), 401)
        problem(web.get(f"{url}/dashboard.json", headers={"x-api-key": secrets["predict"]}), 403)
        told = problem(web.get(f"{url}/dashboard.json", headers={"x-api-key": secrets["read"]}), 404)
        assert "AVAL_DECISION_LOG=off" in told["detail"]
        assert json.dumps(told)
