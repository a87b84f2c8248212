"""The servers that are compared: how each is started, and how a record is sent to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from tests.processes import PROGRAMS, Home, free_port

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
START_SECONDS = 180.0
MLSERVER = "1.7.1"
Record = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A server: `command` is given its port; `written` turns a record into the body that it takes."""

    name: str
    command: Callable[[int], Sequence[str | Path]]
    path: str
    written: Callable[[Record], Any] = lambda record: record
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = CHECKOUT

    @contextmanager
    def running(self, work: Path, record: Record) -> Iterator[int]:
        """Yield the port once a record is answered with 200; the server's output goes into a file of the folder."""
        port = free_port()
        with (work / f"{self.name}.log").open("ab") as output:
            process = subprocess.Popen(
                [str(part) for part in self.command(port)],
                cwd=self.folder,
                # One worker is one thread: more of them only wait for one another, in a small model.
                env={**self.environment, "OMP_NUM_THREADS": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_answer(port, record, process, work)
            yield port
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _await_answer(self, port: int, record: Record, process: subprocess.Popen[bytes], work: Path) -> None:
        deadline, last = time.monotonic() + START_SECONDS, "no answer"
        while time.monotonic() < deadline and process.poll() is None:
            try:
                answer = httpx.post(
                    f"http://127.0.0.1:{port}{self.path}",
                    json=self.written(record),
                    headers=dict(self.headers),
                    timeout=10,
                )
                if answer.status_code == 200:
                    return
                last = answer.text[:500]
            except httpx.TransportError as error:
                last = repr(error)
            time.sleep(0.2)
        log = (work / f"{self.name}.log").read_text(errors="replace")[-2_000:]
        raise SystemExit(f"{self.name} does not answer a record with 200: {last}\n{log}")


def aval(name: str, home: Home, use_case: str, key: str = "", **settings: str) -> Peer:
    """Return this service; `settings` are its environment variables beside those of the home."""
    command = (PROGRAMS / "bentoml", "serve", "service.app:RiskService", "--port")
    return Peer(
        name,
        lambda port: [*command, str(port)],
        "/predict",
        headers={"x-api-key": key} if key else {},
        environment=home.environment(AVAL_MODEL=use_case, **settings),
    )


def fixed() -> Peer:
    """Return the server that shows what the load generator can do."""
    return Peer("fixed_answer", lambda port: [sys.executable, HERE / "echo.py", str(port)], "/")


def echo(schema: Path) -> Peer:
    """Return the echo of validated records."""
    return Peer(
        "fastapi_echo", lambda port: [sys.executable, HERE / "echo.py", str(port), schema], "/predict"
    )


def fastapi_pipeline(schema: Path, model: Path) -> Peer:
    """Return the pipeline behind FastAPI."""
    command = (sys.executable, HERE / "echo.py")
    return Peer("fastapi_pipeline", lambda port: [*command, str(port), schema, model], "/predict")


def mlflow_serving(model: Path) -> Peer:
    """Return the pipeline behind `mlflow models serve`, with one worker."""
    program: list[str | Path] = [
        PROGRAMS / "mlflow",
        "models",
        "serve",
        "--env-manager",
        "local",
        "--workers",
        "1",
    ]
    environment = {**os.environ, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    return Peer(
        "mlflow_models_serve",
        lambda port: [*program, "--model-uri", model, "--port", str(port)],
        "/invocations",
        lambda record: {"dataframe_split": {"columns": list(record), "data": [list(record.values())]}},
        environment=environment,
        folder=model.parent,
    )


def mlserver(work: Path, cases: Path) -> Peer:
    """Return the pipeline behind MLServer, in an environment of its own that is made here if it is not there."""
    python = _mlserver_python(work)
    folder = work / "mlserver-model"
    folder.mkdir(exist_ok=True)
    subprocess.run([python, HERE / "pipeline.py", cases, folder / "model.joblib"], check=True)
    model = {
        "name": "credit",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "content_type": "pd"},
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    return Peer(
        "mlserver",
        lambda port: _mlserver_command(python, folder, port),
        "/v2/models/credit/infer",
        v2_body,
        folder=folder,
    )


def v2_body(record: Record) -> dict[str, Any]:
    """Return a record as the Open Inference Protocol has a table of one row."""
    inputs = [_v2_column(name, value) for name, value in record.items()]
    outputs = [{"name": "predict_proba"}]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": outputs}


def _v2_column(name: str, value: Any) -> dict[str, Any]:
    column = {"name": name, "shape": [1], "data": [value]}
    if isinstance(value, str):
        return {**column, "datatype": "BYTES", "parameters": {"content_type": "str"}}
    return {**column, "datatype": "INT64" if isinstance(value, int) else "FP64"}


def _mlserver_command(python: Path, folder: Path, port: int) -> list[str | Path]:
    # The model is in the server's own process, which was faster than a process of its own beside it.
    settings = {
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return [python.parent / "mlserver", "start", folder]


def _mlserver_python(work: Path) -> Path:
    python = work / "mlserver" / "bin" / "python"
    if not (python.parent / "mlserver").exists():
        subprocess.run([sys.executable, "-m", "venv", work / "mlserver"], check=True)
        wanted = [f"mlserver=={MLSERVER}", f"mlserver-sklearn=={MLSERVER}"]
        same = ("scikit-learn", "pandas", "numpy", "uvloop", "httptools")
        wanted += [f"{name}=={version(name)}" for name in same]
        quiet = ["-qq", "--disable-pip-version-check"]
        subprocess.run([python, "-m", "pip", "install", *quiet, *wanted], check=True)
    return python
