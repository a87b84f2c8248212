"""What tests of every folder share."""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Before anything imports BentoML, which reads it once: no test may touch the user's own store.
os.environ["BENTOML_HOME"] = str(Path(tempfile.mkdtemp(prefix="aval-tests-")) / "bentoml")
os.environ["BENTOML_DO_NOT_TRACK"] = "True"

from service.model_store import Champion, save_bundle, set_champion
from service.scoring.scorer import Scorer
from tests.moto import bucket, moto_s3  # noqa: F401  # fixtures
from tests.postgres import Postgres, running_postgres
from tests.processes import Home
from tests.quickly import only
from training.candidates import FOR_FEW, Candidate
from training.data import generate_cases
from training.train import Trained, train
from training.use_cases import use_cases

# Not a fixture: servers that were started into it are stopped only when the last fixture ends.
atexit.register(shutil.rmtree, Path(os.environ["BENTOML_HOME"]).parent, ignore_errors=True)

# How long an example takes says nothing of the code while another process is at work on the same machine.
settings.register_profile("aval", deadline=None)
settings.load_profile("aval")

# Thousands of tests are collected and stay: what looks for garbage among them finds none, a twentieth of the time.
gc.disable()

CHECKOUT = Path(__file__).resolve().parents[1]
SPARK = "tests/spark/"
DEPLOYED = "tests/infra/terraform/applied/"
# Terraform mostly waits: begun first, it waits while others work.
LONGEST = (DEPLOYED, "tests/infra/terraform/", "tests/e2e/", SPARK)
QUICK_ROWS = 2_600
# Fraud is rare: fewer rows hold too few of it.
QUICK_ROWS_OF_FRAUD = 12_000


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process whole files; all that needs a Spark, or the deployment, to one: two would be six Javas."""
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    class ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
        def _split_scope(self, nodeid: str) -> str:
            shared = [folder for folder in (SPARK, DEPLOYED) if nodeid.startswith(folder)]
            return shared[0] if shared else str(super()._split_scope(nodeid))

    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders whose files take longest: at the end no process is left alone with one of them."""

    def place(item: pytest.Item) -> int:
        found = [at for at, folder in enumerate(LONGEST) if item.nodeid.startswith(folder)]
        return found[0] if found else len(LONGEST)

    items.sort(key=place)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on garbage is looked for, among what tests make."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets: AVAL_TEST_DATA, or shared/data beside the checkout.

    Without it a test is skipped, and fails under AVAL_REQUIRE=1. AVAL_TEST_DATA=none says that there is none to
    be had: the data are no part of the repository, so a public runner cannot have them.
    """
    if os.environ.get("AVAL_TEST_DATA") == "none":
        pytest.skip("AVAL_TEST_DATA=none: the real data are no part of the repository")
    folder = Path(os.environ.get("AVAL_TEST_DATA") or CHECKOUT.parent / "shared" / "data")
    if folder.is_dir():
        return folder
    reason = f"no real data in {folder}; set AVAL_TEST_DATA to the folder that has them"
    if os.environ.get("AVAL_REQUIRE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def quick_training(use_case: str, kind: str = "catboost_smooth") -> Trained:
    """Return a training on generated records with one small candidate: a second instead of a minute."""
    candidate: Candidate = next(item for item in FOR_FEW if item.name == kind)
    rows = QUICK_ROWS_OF_FRAUD if use_case == "fraud_transactions" else QUICK_ROWS
    return train(generate_cases(use_cases()[use_case], rows, seed=7), options=only(candidate))


@pytest.fixture(scope="session")
def quick() -> Callable[..., Trained]:
    """`quick(use_case, kind)`: a small training on generated records; kind is a candidate's name."""
    return quick_training


@pytest.fixture(scope="session")
def quick_scorer() -> Callable[..., Scorer]:
    """`quick_scorer(use_case, kind)`: the scorer of such a training."""
    return lambda use_case, kind="catboost_smooth": quick_training(use_case, kind).scorer


@pytest.fixture(scope="session")
def quick_home() -> Callable[[str], Home]:
    """`quick_home(use_case)`: a home whose model store has a quickly trained champion of it."""
    store = Path(os.environ["BENTOML_HOME"])
    home = Home(store.parent)

    def with_champion(use_case: str) -> Home:
        trained = quick_training(use_case)
        tag = save_bundle(trained.files, use_case, {"use_case": use_case})
        set_champion(use_case, Champion(tag, "1", "2026-11-21T00:00:00+00:00", "tests"), store)
        return home

    return with_champion


@pytest.fixture(scope="session")
def served(quick_home: Callable[[str], Home]) -> Iterator[Callable[[str], str]]:
    """`served(use_case)`: the URL of a real server of a quickly trained champion, started once."""
    with ExitStack() as stack:
        yield cache(lambda use_case: stack.enter_context(quick_home(use_case).serve(use_case)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL; without its programs a test is skipped, and fails under AVAL_REQUIRE=1."""
    try:
        with running_postgres() as server:
            yield server
    except FileNotFoundError as error:
        if os.environ.get("AVAL_REQUIRE") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; without it a test is skipped, and fails under AVAL_REQUIRE=1."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        reason = "no chromium on the path; install it: apt-get install chromium"
        if os.environ.get("AVAL_REQUIRE") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()
