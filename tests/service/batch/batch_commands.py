"""The file door's command as people type it: in this process, or as a process of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.batch import __main__ as main
from service.batch import command
from service.scoring.scorer import Scorer

CHECKOUT = Path(__file__).resolve().parents[3]

STORE = """
from service.model_store import Champion, save_bundle, set_champion
from service.settings import Settings
from tests.service.batch.batch_scorers import linear_predictor, make_bundle

tag = save_bundle(make_bundle(linear_predictor()), "small_loans", {})
home = Settings.from_environment().bentoml_home
set_champion("small_loans", Champion(tag, "1", "2026-11-20T00:00:00Z", "test"), home)
"""


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    output: str
    errors: str


Typed = Callable[..., Said]


@pytest.fixture
def typed(
    scorer: Scorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Typed:
    """`typed(INPUT, OUTPUT, …)`: the command for the use case small_loans, in this process.

    `scorer=` decides, and `piped=` is its standard input.
    """
    monkeypatch.setenv("AVAL_HOME", str(tmp_path / "home"))
    for name in ("AVAL_DECISION_LOG", "AVAL_SEGMENTS", "AVAL_TIME_ZONE", "AVAL_S3_KMS_KEY"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object, scorer: Scorer = scorer, piped: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(piped)))
        monkeypatch.setattr(command, "load_scorer", lambda use_case, home: scorer)
        capsys.readouterr()
        code = main.main(["small_loans", *map(str, arguments)])
        return Said(code, *capsys.readouterr())

    return run


@dataclass(frozen=True)
class Commands:
    """Processes that run the command, with a model store that holds a champion of small_loans."""

    environment: dict[str, str]

    def start(self, *arguments: object, **more: str) -> subprocess.Popen[bytes]:
        """Start the command; `more` is of its environment."""
        return subprocess.Popen(
            [sys.executable, "-m", "service.batch", "small_loans", *map(str, arguments)],
            cwd=CHECKOUT,
            env={**self.environment, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: object, piped: bytes = b"", **more: str) -> Said:
        """Run the command to its end; `piped` is its standard input."""
        with self.start(*arguments, **more) as process:
            output, errors = process.communicate(piped, timeout=120)
        return Said(process.returncode, output.decode(), errors.decode())


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Commands:
    """The command as a process of its own."""
    home = tmp_path_factory.mktemp("commands")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVAL_")}
    own: dict[str, Any] = {
        "AVAL_HOME": str(home / "aval"),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    environment = {**kept, **own}
    (home / "bentoml").mkdir()
    subprocess.run([sys.executable, "-c", STORE], cwd=CHECKOUT, env=environment, check=True)
    return Commands(environment)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
