from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from service.errors import WrongUse
from service.model_store import load_scorer, put_beside, read_card
from service.scoring.bundle import CARD, CARD_TEXT, PROMOTION
from service.settings import Settings
from tests.conftest import quick_training
from tests.processes import Home
from training.cli.report import card
from training.model_card import card_files
from training.registry import Registry

USE_CASE = "loan_approval"
REVISION = "0123456789abcdef"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AVAL_HOME in which one version is registered."""
    folder = tmp_path_factory.mktemp("card")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVAL_HOME", str(folder))
        Registry(Settings.from_environment()).record(
            quick_training(USE_CASE), {"git_revision": REVISION, "python": "3.11.2"}
        )
    return folder


@pytest.fixture(autouse=True)
def _in_an_empty_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVAL_HOME", str(home))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    """Run the command as the `aval` command would; returns what it printed."""
    app = typer.Typer()
    app.command()(card)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
    return result.stdout


def test_the_card_of_the_challenger_is_written_here_under_its_version(tmp_path: Path) -> None:
    said = run(USE_CASE)
    page = (tmp_path / "loan_approval-1-card.html").read_text("utf-8")
    tag = quick_training(USE_CASE).scorer.tag
    assert f'<meta name="aval-bundle" content="{tag}">' in page
    assert REVISION in page, "the lineage comes from run.json"
    assert "loan_approval-1-card.html" in said


def test_a_name_in_md_gives_markdown_and_an_older_card_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "card.md"
    target.write_text("older")
    report = json.loads(run(USE_CASE, "-o", str(target), "--version", "1", "--json"))
    assert report == {"model": quick_training(USE_CASE).scorer.tag, "version": "1", "file": str(target)}
    assert target.read_text("utf-8").startswith("# Loan approval")


def test_the_promotion_record_beside_the_stored_bundle_is_on_the_card(
    tmp_path: Path, quick_home: Callable[[str], Home]
) -> None:
    store, tag = quick_home(USE_CASE).bentoml_home, quick_training(USE_CASE).scorer.tag
    put_beside(tag, {PROMOTION: json.dumps({"model": tag, "promoted_by": "maria"}).encode()}, store)
    try:
        run(USE_CASE)
    finally:
        (store / "models" / tag.replace(":", "/") / PROMOTION).unlink()
    assert "maria" in (tmp_path / "loan_approval-1-card.html").read_text("utf-8")


def test_a_promotion_leaves_both_cards_beside_the_stored_bundle(quick_home: Callable[[str], Home]) -> None:
    store, tag = quick_home(USE_CASE).bentoml_home, quick_training(USE_CASE).scorer.tag
    beside = store / "models" / tag.replace(":", "/")
    # Whatever other tests stored has no run.json.
    shutil.rmtree(beside)
    registry = Registry(replace(Settings.from_environment(), bentoml_home=store))
    try:
        registry.promote(
            USE_CASE, why="a test", card=lambda found, record: card_files(found.tag, record, store)
        )
        page = read_card(USE_CASE, store)
        text = (beside / CARD_TEXT).read_text("utf-8")
    finally:
        for name in (PROMOTION, CARD, CARD_TEXT):
            (beside / name).unlink(missing_ok=True)
    assert page is not None
    for form in (page.decode(), text):
        assert REVISION in form, "run.json stands beside the bundle"
        assert "Promoted by" in form[form.index("What follows stands outside") :]
    assert load_scorer(tag, store).tag in text, "the store still takes the bundle for whole"


def test_another_kind_of_file_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(WrongUse) as error:
        run(USE_CASE, "-o", "card.pdf")
    assert str(error.value) == "card.pdf is not one of the kinds of card: its name must end in .html or .md"
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_one_line() -> None:
    with pytest.raises(OSError, match="No such file or directory") as error:
        run(USE_CASE, "-o", "nowhere/card.html")
    assert "nowhere/card.html" in str(error.value)
    assert "\n" not in str(error.value)
