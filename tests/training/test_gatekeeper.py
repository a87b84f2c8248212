from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.model_store import Champion, save_bundle, set_champion
from service.settings import Settings
from tests.quickly import only
from training.candidates import FOR_FEW
from training.data import generate_cases, keep_snapshot
from training.gatekeeper import find_cases, judge_gates
from training.train import Trained, train
from training.use_cases import use_cases

NAME = "loan_approval"
CASE = use_cases()[NAME]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    import os

    return replace(Settings.from_environment(), home=tmp_path, bentoml_home=Path(os.environ["BENTOML_HOME"]))


def make_champion(trained: Trained, settings: Settings) -> None:
    tag = save_bundle(trained.files, NAME, {"use_case": NAME})
    set_champion(NAME, Champion(tag, "1", "2026-11-21T00:00:00+00:00", "tests"), settings.bentoml_home)


def results(trained: Trained, settings: Settings, *, cases: bool = True) -> dict[str, dict[str, Any]]:
    gates = judge_gates(trained.scorer, CASE, settings, trained.cases if cases else None)
    return {gate["code"]: gate for gate in gates}


@pytest.fixture
def no_champion(settings: Settings) -> Settings:
    (settings.bentoml_home / "champions" / f"{NAME}.json").unlink(missing_ok=True)
    return settings


def test_without_a_champion_there_is_nothing_to_compare_with(
    quick: Callable[..., Trained], no_champion: Settings
) -> None:
    found = results(quick(NAME), no_champion)
    assert found["G-CHAMPION-COST"]["status"] == "not_applicable"
    assert found["G-LATENCY"]["status"] == "pass"


def test_the_absolute_gates_are_those_of_the_hashed_evidence(
    quick: Callable[..., Trained], no_champion: Settings
) -> None:
    trained = quick(NAME)
    gates = judge_gates(trained.scorer, CASE, no_champion, trained.cases)
    own = trained.scorer.evidence["gates"]
    assert gates[: len(own)] == own


def test_a_champion_of_the_same_data_is_compared_by_its_recipe(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    make_champion(quick(NAME), settings)
    gate = results(quick(NAME, "decision_tree"), settings)["G-CHAMPION-LOSS"]
    assert gate["status"] == "fail"
    assert "the champion's recipe, fitted anew" in gate["note"]


def test_a_champion_of_other_data_is_compared_by_its_bundle_on_rows_it_has_not_seen(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    make_champion(quick(NAME), settings)
    keep_snapshot(quick(NAME).cases, settings.home / "data")
    later = train(generate_cases(CASE, 1_500, seed=99), options=only(FOR_FEW[1]))
    gate = results(later, settings)["G-CHAMPION-COST"]
    assert gate["status"] == "pass"
    assert "the champion's bundle, on untouched rows that it has not seen" in gate["note"]


def test_a_challenger_whose_data_are_gone_fails_against_a_champion(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    make_champion(quick(NAME), settings)
    gate = results(quick(NAME, "decision_tree"), settings, cases=False)["G-CHAMPION-COST"]
    assert gate["status"] == "fail"


def test_the_snapshot_of_a_training_gives_its_cases_again(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    cases = quick(NAME).cases
    keep_snapshot(cases, settings.home / "data")
    found = find_cases(CASE, cases.fingerprint, settings)
    assert found is not None
    assert found.fingerprint == cases.fingerprint


def test_the_champion_itself_is_compared_with_nobody(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    make_champion(quick(NAME), settings)
    assert results(quick(NAME), settings)["G-CHAMPION-COST"]["status"] == "not_applicable"
