"""A server of its own, and a stored bundle, for tests that break things."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.errors import ModelRefused
from service.model_store import load_scorer
from service.scoring.bundle import version_of
from service.scoring.scorer import Scorer
from tests.processes import Home
from training.train import Trained

STORED = "loan_approval"
LABELS = {"use_case": STORED}
CHECKOUT = Path(__file__).resolve().parents[2]
FAULTY_INCOME = 666_000
SECRET = "secret of the server"
# Python runs a module of this name when it starts.
FAULT = f"""
from service.scoring.scorer import Scorer
score = Scorer.score
def faulty(scorer, record, *more, **named):
    if record.get("person_income") == {FAULTY_INCOME}:
        raise RuntimeError({SECRET!r})
    return score(scorer, record, *more, **named)
Scorer.score = faulty
"""


@dataclass(frozen=True)
class Alone:
    """A server of credit risk by its tag: its store and champion are gone, and one income makes it fail."""

    url: str
    home: Home
    tag: str

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        (file,) = self.home.folder.glob("server-*.log")
        return file.read_text()


@pytest.fixture(scope="session")
def alone(
    quick_home: Callable[[str], Home],
    quick_scorer: Callable[..., Scorer],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Alone]:
    """A server whose model store was removed after it had started, and with no tracking server to reach."""
    home = Home(tmp_path_factory.mktemp("alone"))
    tag = quick_scorer("credit_risk").tag
    stored = Path("models") / tag.replace(":", "/")
    shutil.copytree(quick_home("credit_risk").bentoml_home / stored, home.bentoml_home / stored)
    code = tmp_path_factory.mktemp("fault")
    (code / "sitecustomize.py").write_text(FAULT)
    path = os.pathsep.join([str(code), str(CHECKOUT)])
    with home.serve(tag, PYTHONPATH=path, MLFLOW_TRACKING_URI="http://127.0.0.1:9") as url:
        shutil.rmtree(home.bentoml_home / "models")
        yield Alone(url, home, tag)


@pytest.fixture
def files(quick: Callable[..., Trained]) -> dict[str, bytes]:
    """The files of a bundle of loan approval."""
    return dict(quick(STORED).files)


@pytest.fixture
def store(quick_home: Callable[[str], Home]) -> Path:
    """The BentoML home of this session, in which loan approval has a champion."""
    return quick_home(STORED).bentoml_home


@pytest.fixture
def folder(store: Path, files: dict[str, bytes]) -> Iterator[Path]:
    """The champion's folder; whatever a test does to it is undone."""
    place = store / "models" / STORED / version_of(files)
    kept = {path.name: path.read_bytes() for path in place.iterdir()}
    yield place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name, content in kept.items():
        (place / name).write_bytes(content)


def loaded(store: Path) -> str:
    """Return the tag of the champion that the store gives."""
    return load_scorer(STORED, store).tag


def refusal(store: Path, name: str | None = STORED) -> str:
    """Return what the store says in refusing a model."""
    with pytest.raises(ModelRefused) as refused:
        load_scorer(name, store)
    return str(refused.value)
