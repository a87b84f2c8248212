"""The client and the curl lines that users copy, against a real service, and where the way to it fails."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from service.decision_log import Kind
from service.decision_log.reading import Selection, entries, reading
from tests.examples.client import Aval, Problem
from tests.moto import flaky_line
from tests.processes import Home
from tests.service.records import records
from tests.training.log_commands import run
from training.cli.keys import keys_app

USE_CASE = "credit_risk"
RECORD = records(USE_CASE)[0]
FOLDER = Path(__file__).parent
Asking = Callable[..., Aval]


class Kept:
    """A service that asks for keys, with a log of its own; `key` may do everything but batch."""

    def __init__(self, url: str, key: str, log: str) -> None:
        self.url, self.key, self.log = url, key, log

    def logged(self) -> list[str]:
        """Return the ids of all decisions in the log."""
        with reading(self.log) as connection:
            return [entry.row.about for entry in entries(connection, Selection((Kind.DECISION,)))]


@pytest.fixture(scope="module")
def kept(quick_home: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(quick_home(USE_CASE).bentoml_home, folder / "bentoml")
    scopes = ("--scope", "predict", "--scope", "outcomes", "--scope", "read")
    made = run(keys_app, "create", "example", *scopes, "--file", folder / "keys.json", "--json").body
    with Home(folder).serve(USE_CASE, AVAL_API_KEYS=str(folder / "keys.json")) as url:
        yield Kept(url, made["secret"], f"sqlite:///{folder / 'aval' / 'decisions.db'}")


@pytest.fixture
def asking() -> Iterator[Asking]:
    """Makes clients, which are closed when the test is over."""
    with ExitStack() as stack:
        yield lambda *given, **more: stack.enter_context(Aval(*given, **more))


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[str]]]:
    """A service that gives these answers one after the other; yields its URL, and the keys that it was sent."""
    left, keys = list(statuses), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            keys.append(self.headers["idempotency-key"])
            status = left.pop(0)
            if status == 0:
                time.sleep(1.5)
                return
            self.send_response(status)
            self.send_header("retry-after", "1")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", keys
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_client_gets_decisions_explanations_and_tells_outcomes(kept: Kept, asking: Asking) -> None:
    client = asking(kept.url, kept.key)
    decision = client.predict(RECORD)
    assert decision["decision"] in {"approve", "refer", "decline"}
    one, wrong = client.predict_bulk([RECORD, {}])
    assert one["probability"] == decision["probability"]
    assert wrong["status"] == 422
    assert client.explain(RECORD)["probability"] == decision["probability"]
    now = datetime.now(UTC).isoformat()
    told = {"decision_id": decision["decision_id"], "outcome": 1, "observed_at": now}
    assert [client.outcomes([told])[0]["status"] for _ in range(2)] == ["recorded", "unchanged"]


def test_the_client_says_what_is_wrong_with_each_field(kept: Kept, asking: Asking) -> None:
    with pytest.raises(Problem) as refused:
        asking(kept.url, kept.key).predict({**RECORD, "loan_grade": "Z"})
    assert (refused.value.status, refused.value.errors[0]["field"]) == (422, "loan_grade")
    assert refused.value.request_id in str(refused.value)
    assert "loan_grade='Z'" in str(refused.value)


def test_the_client_does_not_try_again_what_a_key_may_not(kept: Kept, asking: Asking) -> None:
    began = time.monotonic()
    with pytest.raises(Problem) as refused:
        asking(kept.url, "no such key").predict(RECORD)
    assert refused.value.status == 401
    assert time.monotonic() - began < 1


def test_on_a_line_that_fails_every_record_is_decided_and_each_only_once(kept: Kept, asking: Asking) -> None:
    before = len(kept.logged())
    with flaky_line(kept.url, rate=0.4, seed=1) as line:
        client = asking(line.url, kept.key, seconds=30)
        made = [client.predict(record)["decision_id"] for record in records(USE_CASE)[:25]]
    # An answer that was lost on its way is what would be decided twice.
    assert line.counts["reset after"] + line.counts["cut short"] > 3
    assert sorted(kept.logged()[before:]) == sorted(made)
    assert len(set(made)) == 25


def test_the_client_waits_as_long_as_it_is_told_and_keeps_its_idempotency_key(asking: Asking) -> None:
    with answering(429, 503, 200) as (url, keys):
        began = time.monotonic()
        asking(url).predict(RECORD)
    assert time.monotonic() - began >= 2
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_the_client_gives_up_when_its_time_is_over(asking: Asking) -> None:
    with answering(0, 0, 0) as (url, keys):
        began = time.monotonic()
        with pytest.raises(httpx.TransportError):
            asking(url, seconds=1, attempt_seconds=0.4).predict(RECORD)
        assert time.monotonic() - began < 3
        assert len(set(keys)) == 1
    with answering(503) as (url, _), pytest.raises(Problem, match="503: Service Unavailable"):
        asking(url, seconds=0.5).predict(RECORD)


def test_a_pause_that_ends_late_is_told_as_nobody_who_answers_in_time(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = time.sleep
    monkeypatch.setattr("tests.examples.client.time.sleep", lambda seconds: right(seconds + 0.6))
    with answering(503, 0) as (url, _), pytest.raises(httpx.TransportError):
        asking(url, seconds=1.5).predict(RECORD)


def test_no_key_is_shown_by_the_client() -> None:
    assert "secret" not in repr(Aval("http://127.0.0.1:3000", "secret"))


def test_the_client_runs_as_its_docstring_says(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(kept.key + "\n")
    command = [sys.executable, str(FOLDER / "client.py"), kept.url, str(tmp_path / "key")]
    done = subprocess.run(command, input=json.dumps(RECORD), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["use_case"] == USE_CASE
    refused = subprocess.run(command, input="{}", capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("422: ")


def test_the_curl_lines_run_as_they_stand(kept: Kept, tmp_path: Path) -> None:
    header = tmp_path / "key.header"
    header.write_text(f"Authorization: Bearer {kept.key}\n")
    done = subprocess.run(
        ["bash", FOLDER / "curl.sh"],
        cwd=tmp_path,
        env={**Home(tmp_path).environment(), "URL": kept.url, "KEY": str(header)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    decision, bulk, explained, told, served, refused = answers
    assert decision["decision_id"] in kept.logged()
    assert [item["probability"] for item in bulk["results"]] == [decision["probability"]] * 2
    assert explained["decision"] == decision["decision"]
    assert told["results"][0]["status"] == "recorded"
    assert served["use_case"] == USE_CASE
    assert refused["status"] == 422
