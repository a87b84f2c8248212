from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.image.check import FAIL, PASS, in_time
from infra.image.engine_calls import unpacked_bytes
from infra.image.wheels import split, wheels_of
from tests.conftest import CHECKOUT
from tests.processes import free_port

IMAGE = CHECKOUT / "infra/image"
LOCK = """a-b==1.0 \\
    --hash=sha256:00
c==2 ; sys_platform == 'win32' \\
    --hash=sha256:11 \\
    --hash=sha256:22
psycopg-binary==3.3.9 ; implementation_name != 'pypy' \\
    --hash=sha256:33
"""


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that answers every question so; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def shell(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env={**os.environ, **more},
        check=False,
    )


# Health


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_the_container_is_healthy_only_when_the_service_is_ready(status: int, code: int) -> None:
    with answering(status) as port:
        assert shell("bash", IMAGE / "healthy.sh", str(port)).returncode == code


def test_the_container_is_unhealthy_when_nobody_listens() -> None:
    assert shell("bash", IMAGE / "healthy.sh", str(free_port())).returncode != 0


def test_the_container_is_asked_for_another_path_where_one_is_named() -> None:
    with answering(200) as port:
        assert shell("bash", IMAGE / "healthy.sh", str(port), "/readyz").returncode == 0
        assert shell("bash", IMAGE / "healthy.sh", str(port), "/livez").returncode == 1


# What is measured


def test_an_images_size_is_that_of_its_layers_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\n[ "$1 $2" = "history --human=false" ] && printf "0\\n250\\n1000\\n"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert unpacked_bytes("aval/x") == 1250


@pytest.mark.parametrize(
    ("ready", "cpu", "load", "status"),
    [
        (4.9, 4.0, 0.0, PASS),
        (5.1, 4.0, 0.0, FAIL),
        (20.0, 4.0, 99.0, PASS),
        (20.0, 5.1, 99.0, FAIL),
        (20.0, 0.0, 99.0, FAIL),
    ],
    ids=["in time", "late", "kept waiting", "slow by itself", "of unknown work"],
)
def test_a_start_is_in_time_or_is_slow_through_no_work_of_its_own(
    ready: float, cpu: float, load: float, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    assert in_time(ready, cpu).status == status


# The entry point


def entered(tmp_path: Path, *arguments: str) -> str:
    """Return what the entry point runs, where `bentoml` prints what it is given."""
    program = tmp_path / "bentoml"
    program.write_text('#!/bin/sh\necho "bentoml $*"\n')
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return shell("sh", IMAGE / "entrypoint.sh", *arguments, PATH=path).stdout.strip()


def test_without_a_command_the_service_is_served(tmp_path: Path) -> None:
    assert entered(tmp_path) == "bentoml serve service.app:RiskService --port 3000"
    assert entered(tmp_path, "serve", "--timeout", "9").endswith("--port 3000 --timeout 9")


def test_any_other_command_is_run_as_it_is(tmp_path: Path) -> None:
    assert entered(tmp_path, "echo", "two words", "serve") == "two words serve"


# Wheels


def test_a_lock_is_split_into_requirements_that_keep_their_hashes() -> None:
    parts = split(LOCK)
    assert [part.split("==")[0] for part in parts] == ["a-b", "c", "psycopg-binary"]
    assert parts[1].count("--hash") == 2


def test_of_a_folder_of_wheels_those_are_taken_that_the_lock_names(tmp_path: Path) -> None:
    for name in ("A_b-1.0-py3-none-any", "a_b-1.1-py3-none-any", "d-2-py3-none-any"):
        (tmp_path / f"{name}.whl").touch()
    (tmp_path / "psycopg_binary-3.3.9-cp311-cp311-manylinux2014_x86_64.whl").touch()
    assert [path.name.split("-")[0] for path in wheels_of(LOCK, tmp_path)] == ["A_b", "psycopg_binary"]


def test_the_image_lock_names_nothing_that_only_training_uses() -> None:
    names = {part.split("==")[0] for part in split((CHECKOUT / "requirements-image.lock").read_text())}
    assert not names & {"scikit-learn", "scipy", "mlflow", "pandas", "optuna", "catboost", "lightgbm"}
    assert {"bentoml", "pyarrow", "boto3", "sqlalchemy", "psycopg-binary"} < names


# The bill of materials


def bill() -> dict[str, Any]:
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg-query: the images are Debian's, this machine is not")
    program = (IMAGE / "sbom.py").read_bytes()
    made = subprocess.run(
        [sys.executable, "-", "aval/x", "1"], input=program, capture_output=True, check=True
    )
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def test_the_bill_names_pythons_distributions_and_the_systems_packages() -> None:
    found = bill()
    addresses = {part["purl"].partition("?")[0].partition("@")[0] for part in found["components"]}
    assert {
        "pkg:pypi/bentoml",
        "pkg:pypi/python-dateutil",
        "pkg:deb/debian/libc6",
        "pkg:generic/python",
    } <= addresses
    assert found["metadata"]["component"]["name"] == "aval/x"


def test_every_part_of_the_bill_has_a_reference_of_its_own() -> None:
    found = bill()
    references = [part["bom-ref"] for part in found["components"]]
    assert len(references) == len(set(references))
    assert references == sorted(references)
    assert all(part["version"] for part in found["components"])


# The scripts


@pytest.mark.parametrize("name", sorted(path.name for path in IMAGE.glob("*.sh")))
def test_every_script_is_well_formed_and_stops_at_its_first_error(name: str) -> None:
    text = (IMAGE / name).read_text()
    interpreter = "bash" if "bash" in text.splitlines()[0] else "sh"
    assert shell(interpreter, "-n", IMAGE / name).returncode == 0
    assert ("set -euo pipefail" if interpreter == "bash" else "set -eu") in text


def test_the_engine_script_says_how_it_is_used() -> None:
    said = shell("bash", IMAGE / "engine.sh", "begin")
    assert (said.returncode, said.stderr) == (2, "usage: engine.sh start|stop FOLDER\n")


def test_an_engine_that_was_not_started_here_is_not_stopped(tmp_path: Path) -> None:
    assert shell("bash", IMAGE / "engine.sh", "stop", tmp_path).returncode == 0
    assert tmp_path.is_dir()
