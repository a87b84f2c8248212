"""The smoke test passes what decides, and fails what does not, whatever stands at the address."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.access.keys import ApiKey, digest_of, keys_json, new_id, new_secret
from tests.e2e.pretender import pretending
from tests.processes import Home, free_port, web

SMOKE = Path(__file__).with_name("smoke.py")
USE_CASE = "credit_risk"


@dataclass(frozen=True)
class Guarded:
    """A server that asks for keys, the file with the secret of one, and the model it serves."""

    url: str
    key_file: Path
    model: str


@pytest.fixture(scope="module")
def guarded(quick_home: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder, secret = tmp_path_factory.mktemp("smoke"), new_secret()
    key = ApiKey(new_id(), "smoke", digest_of(secret), ("predict", "read"), datetime.now(UTC))
    (folder / "keys.json").write_bytes(keys_json([key]))
    (folder / "key").write_text(f"{secret}\n", "utf-8")
    with quick_home(USE_CASE).serve(USE_CASE, AVAL_API_KEYS=str(folder / "keys.json")) as url:
        model = web.get(f"{url}/model_metadata", headers={"x-api-key": secret}).json()["model"]
        yield Guarded(url, folder / "key", model)


def test_a_service_that_decides_passes_and_its_key_is_not_printed(guarded: Guarded) -> None:
    ran = smoke(guarded.url, "--key-file", guarded.key_file, "--model", guarded.model)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"ok  serves {guarded.model}" in ran.stdout
    assert "ok  decided the example: " in ran.stdout
    assert "ok  decides for nobody without a key" in ran.stdout
    assert guarded.key_file.read_text("utf-8").strip() not in ran.stdout


def test_another_model_than_the_expected_one_fails(guarded: Guarded) -> None:
    expected = f"{USE_CASE}:0000000000000000"
    ran = smoke(guarded.url, "--key-file", guarded.key_file, "--model", expected, "--within", "1")
    assert ran.returncode == 1
    assert f"{guarded.model} is served after 1 s, not {expected}" in ran.stderr


def test_a_service_that_asks_for_a_key_fails_without_one(guarded: Guarded) -> None:
    ran = smoke(guarded.url, "--within", "0")
    assert ran.returncode == 1
    assert "GET /model_metadata answered 401, not 200" in ran.stderr


def test_a_door_that_opens_without_the_key_fails(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("any", "utf-8")
    with pretending({}) as url:
        ran = smoke(url, "--key-file", tmp_path / "key")
    assert ran.returncode == 1
    assert "POST /predict without a key answered 200, not 401" in ran.stderr


def test_an_address_where_nothing_listens_was_not_reached_after_the_wait() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ran = smoke(url, "--within", "1")
    assert ran.returncode == 3
    assert f"{url} was not reached in 1 s: no connection" in ran.stderr


NO_DECISION = "POST /predict answered no decision"


@pytest.mark.parametrize(
    ("path", "status", "body", "said"),
    [
        ("/readyz", 503, {}, "GET /readyz answered 503, not 200"),
        ("/schema", 200, "<p>a page of something in front", "GET /schema publishes no example record"),
        ("/predict", 200, {"decision": "maybe", "probability": 0.1}, NO_DECISION),
        ("/predict", 200, {"decision": "approve", "probability": 2}, NO_DECISION),
        (
            "/predict",
            200,
            {"decision": "approve", "probability": 0.1},
            "POST /predict answered without its ids",
        ),
        ("/predict", 302, {}, "POST /predict answered 302, not 200"),
    ],
    ids=["not ready", "no schema", "no such decision", "no probability", "no ids", "a redirect"],
)
def test_what_only_looks_like_a_service_fails(path: str, status: int, body: object, said: str) -> None:
    with pretending({path: (status, body)}) as url:
        ran = smoke(url, "--within", "0")
    assert ran.returncode == 1
    assert said in ran.stderr


def test_a_redirect_is_not_followed_with_the_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret", "utf-8")
    with pretending({}) as elsewhere, pretending({"/model_metadata": (307, elsewhere)}) as url:
        ran = smoke(url, "--key-file", tmp_path / "key", "--within", "0")
    assert ran.returncode == 1
    assert "GET /model_metadata answered 307, not 200" in ran.stderr


def test_a_key_does_not_travel_where_others_can_read_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret", "utf-8")
    ran = smoke("http://risk.example.com", "--key-file", tmp_path / "key")
    assert ran.returncode == 2
    assert "a key would travel to risk.example.com where others can read it; use https" in ran.stderr


def smoke(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it as a runner does, on which nothing but Python itself is installed."""
    command = [sys.executable, "-I", "-S", SMOKE, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
