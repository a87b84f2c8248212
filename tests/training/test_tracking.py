"""MLflow as a server with artifacts on S3, next to the local default; and servers that are down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from service.model_store import load_scorer
from service.scoring.bundle import PROMOTION
from tests.processes import PROGRAMS, Home, free_port, web
from tests.training.registries import (
    KINDS,
    LINEAGE,
    PASSED_GATE,
    USE_CASE,
    aliases,
    beside,
    changed,
    forget_models,
    local_registry,
    registry_at,
)
from training.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry, TrackingDown
from training.registry.client import TrackingRefused
from training.train import Trained
from training.trial import Trial

Quick = Callable[..., Trained]
BUCKET = "aval-models"
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "eu-central-1"}
TRIALS = (Trial("catboost", 0, {"depth": 4}, 0.3, {"brier": 0.05}, "complete", 1.0),)


@contextmanager
def running(folder: Path, url: str, *command: str | Path, **environment: str) -> Iterator[None]:
    """Run a server until it answers, and stop it with its workers at the end."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 180
        while not answers(url):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.2)
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        return web.get(url, timeout=2).status_code < 500
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 with an empty bucket."""
    import boto3

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(tmp_path_factory.mktemp("s3"), url, PROGRAMS / "moto_server", "-p", str(port)):
        client = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="tests",
            aws_secret_access_key="tests",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=BUCKET)
        yield url


@pytest.fixture(scope="module")
def server(s3: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server whose clients put artifacts on that S3."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    url = f"http://127.0.0.1:{port}"
    database = local_registry(folder).settings.tracking_uri
    options = ("--port", str(port), "--backend-store-uri", database, "--workers", "1")
    root = ("--default-artifact-root", f"s3://{BUCKET}/runs", "--no-serve-artifacts")
    with running(
        folder,
        f"{url}/health",
        PROGRAMS / "mlflow",
        "server",
        *options,
        *root,
        **KEYS,
        AWS_ENDPOINT_URL=s3,
        # Workers for jobs that are none of ours, as slow to start and stop as the server itself.
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
    ):
        yield url


@pytest.fixture(params=["local", "server"])
def registry(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    if request.param == "local":
        return local_registry(tmp_path)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": request.getfixturevalue("s3")}.items():
        monkeypatch.setenv(name, value)
    store = Path(os.environ["BENTOML_HOME"])
    forget_models(store)
    return registry_at(tmp_path, request.getfixturevalue("server"), store)


def test_training_promotion_and_rollback_go_the_same_way_locally_and_over_http_and_s3(
    registry: Registry,
    quick: Quick,
    request: pytest.FixtureRequest,
    capfd: pytest.CaptureFixture[str],
) -> None:
    store = registry.settings.bentoml_home
    first, second = (
        registry.record(changed(quick(USE_CASE, kind), trials=TRIALS), LINEAGE) for kind in KINDS
    )
    assert aliases(registry) == {CHALLENGER: second.number}
    registry.promote(USE_CASE, first.number, why="first", gates=[PASSED_GATE])
    registry.promote(USE_CASE, why="second")
    assert load_scorer(USE_CASE, store).tag == second.tag
    assert aliases(registry)[PREVIOUS] == first.number
    registry.rollback(USE_CASE, "complaints")
    assert load_scorer(USE_CASE, store).tag == first.tag
    assert aliases(registry) == {CHALLENGER: second.number, CHAMPION: first.number}
    assert beside(registry, first.tag, PROMOTION)["gates"] == [PASSED_GATE]
    artifacts = {item.path for item in registry._client.list_artifacts(first.run_id)}
    assert {"model", "promotion", "evidence.json", "environment"} <= artifacts
    root = str(registry._client.get_run(first.run_id).info.artifact_uri)
    # MLflow would say where to look, in the midst of what --json prints.
    assert capfd.readouterr() == ("", "")
    where = "s3://aval-models/runs" if "server" in request.node.name else "file://"
    assert root.startswith(where)


# Servers that are down


def test_a_server_that_is_down_is_one_line_and_exit_code_2_within_seconds(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    ended = Home(tmp_path).aval("leaderboard", USE_CASE, MLFLOW_TRACKING_URI=url)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line == (
        f"aval: error: the MLflow server at {url} did not answer; see that it runs, or set MLFLOW_TRACKING_URI "
        "to another (unset: SQLite in AVAL_HOME)"
    )
    assert time.monotonic() - began < 30


def test_a_server_that_takes_requests_and_never_answers_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr("training.registry.client.SECONDS_TO_ANSWER", 0.5)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(TrackingDown) as caught:
            registry_at(tmp_path, url, tmp_path).reach()
    assert str(caught.value).startswith(f"the MLflow server at {url} did not answer; ")


def test_a_store_of_artifacts_that_is_down_is_one_line(
    server: str, s3: str, quick: Quick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By MLflow's own name for it: MLflow keeps the client that it made for the other one.
    down = {"MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    for name, value in {**KEYS, **down}.items():
        monkeypatch.setenv(name, value)
    registry = registry_at(tmp_path, server, tmp_path)
    with pytest.raises(TrackingDown) as caught:
        registry.record(quick(USE_CASE), LINEAGE)
    assert str(caught.value).startswith(f"the store of artifacts of MLflow at {server} did not answer: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, TrackingRefused, "refused: 403 Client Error: Forbidden for url: "),
        (503, TrackingDown, "did not answer; "),
    ],
)
def test_a_server_that_gives_no_artifacts_is_one_line(
    status: int, kind: type[Exception], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with keeper_of_artifacts(status) as url, pytest.raises(kind) as caught:
        registry_at(tmp_path, url, tmp_path)._client.list_artifacts("1" * 32)
    assert str(caught.value).startswith(
        f"{'the MLflow server' if status == 503 else 'MLflow'} at {url} {said}"
    )
    assert "\n" not in str(caught.value)


@contextmanager
def keeper_of_artifacts(status: int) -> Iterator[str]:
    """A server of MLflow's protocol with one run, which answers whoever asks for its artifacts with a status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            run = {"info": {"run_id": "1" * 32, "artifact_uri": "mlflow-artifacts:/0/run/artifacts"}}
            self.send_response(status if "mlflow-artifacts" in self.path else 200)
            self.end_headers()
            self.wfile.write(json.dumps({"run": run}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_database_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database" * 1000)
    ended = Home(tmp_path).aval(
        "leaderboard", USE_CASE, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlflow.db'}"
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith("aval: error: MLflow at sqlite:///")
    assert "Traceback" not in ended.stderr
