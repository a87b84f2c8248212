from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from service.errors import ModelRefused
from service.model_store import Champion, save_bundle, set_champion
from service.scoring.scorer import Scorer
from service.settings import Settings
from tests.quickly import only
from training.candidates import FOR_FEW
from training.data import generate_cases, keep_snapshot
from training.gatekeeper import judge_gates
from training.train import Trained, train
from training.use_case import Column, ColumnType, Contract, UseCase
from training.use_cases import use_cases

NAME = "loan_approval"
CASE = use_cases()[NAME]
TREE = next(item for item in FOR_FEW if item.name == "decision_tree")


def changed_case(
    columns: dict[str, Column | None], prepare: Callable[[pd.DataFrame], pd.DataFrame]
) -> UseCase:
    """The use case with other columns, None for one that is gone, and their generator."""
    kept = [columns.pop(column.name, column) for column in CASE.contract.columns]
    found = tuple(column for column in (*kept, *columns.values()) if column is not None)
    contract = Contract.model_validate(CASE.contract.model_dump() | {"columns": found})
    return replace(
        CASE,
        contract=contract,
        reasons={name: CASE.reasons.get(name, CASE.reasons["income"]) for name in contract.inputs},
        generate=lambda rng, rows: prepare(CASE.generate(rng, rows)),
    )


def with_savings(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(savings=np.arange(float(len(table))))


def in_levels(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(employment_length=np.where(table["employment_length"].fillna(0) > 3, "long", "short"))


CHANGES = {
    "a new required feature": lambda: changed_case(
        {"savings": Column(name="savings", type=ColumnType.NUMBER)}, with_savings
    ),
    "a new optional feature": lambda: changed_case(
        {"savings": Column(name="savings", type=ColumnType.NUMBER, nullable=True, required=False)},
        with_savings,
    ),
    "levels in the place of a number": lambda: changed_case(
        {
            "employment_length": Column(
                name="employment_length", type=ColumnType.CATEGORY, levels=("short", "long")
            )
        },
        in_levels,
    ),
    "another unit": lambda: changed_case(
        {"credit_score": Column(name="credit_score", type=ColumnType.NUMBER)},
        lambda table: table.assign(credit_score=table["credit_score"] * 10),
    ),
    "a feature that is gone": lambda: changed_case(
        {"employment_length": None}, lambda table: table.drop(columns="employment_length")
    ),
}
BUNDLE, RECIPE = "the champion's bundle, on untouched rows", "the champion's recipe, fitted anew"


@cache
def trained_after(change: str) -> Trained:
    return train(generate_cases(CHANGES[change](), 1_500, seed=99), options=only(TREE))


@cache
def trained_later() -> Trained:
    return train(generate_cases(CASE, 1_500, seed=99), options=only(TREE))


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
    later = trained_later()
    gate = results(later, settings)["G-CHAMPION-COST"]
    assert gate["status"] == ("pass" if gate["interval"][0] <= 0 else "fail")
    assert "the champion's bundle, on untouched rows that it has not seen" in gate["note"]


def test_a_challenger_whose_data_are_gone_fails_against_a_champion(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    make_champion(quick(NAME), settings)
    gate = results(quick(NAME, "decision_tree"), settings, cases=False)["G-CHAMPION-COST"]
    assert gate["status"] == "fail"


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ("a new required feature", BUNDLE),
        ("a new optional feature", BUNDLE),
        ("levels in the place of a number", RECIPE),
        ("another unit", RECIPE),
        ("a feature that is gone", "the champion could not score these rows"),
    ],
)
def test_a_contract_that_changed_since_the_champion_is_no_obstacle_to_a_judgement(
    quick: Callable[..., Trained], settings: Settings, change: str, how: str
) -> None:
    make_champion(quick(NAME), settings)
    keep_snapshot(quick(NAME).cases, settings.home / "data")
    later = trained_after(change)
    gates = {
        gate["code"]: gate for gate in judge_gates(later.scorer, later.cases.use_case, settings, later.cases)
    }
    gate = gates["G-CHAMPION-COST"]
    assert how in gate["note"]
    assert gate["severity"] == "blocks"
    assert (gate["observed"] == "not known") == ("could not" in how)


@pytest.mark.parametrize("damage", ["gone", "another's rows", "no table"])
def test_a_snapshot_of_the_champion_that_cannot_be_trusted_leaves_its_recipe(
    quick: Callable[..., Trained], settings: Settings, damage: str
) -> None:
    make_champion(quick(NAME), settings)
    later = trained_later()
    file = keep_snapshot(quick(NAME).cases, settings.home / "data")
    if damage == "gone":
        file.unlink()
    elif damage == "no table":
        file.write_bytes(b"PAR1")
    else:
        keep_snapshot(later.cases, settings.home / "other").replace(file)
    assert RECIPE in results(later, settings)["G-CHAMPION-LOSS"]["note"]


def test_cases_are_found_by_a_fingerprint_and_by_nothing_else(
    quick: Callable[..., Trained], no_champion: Settings
) -> None:
    trained, settings = quick(NAME), no_champion
    make_champion(quick(NAME, "decision_tree"), settings)
    keep_snapshot(trained.cases, settings.home / "data")
    keep_snapshot(trained.cases, settings.home)
    assert results(trained, settings, cases=False)["G-CHAMPION-LOSS"]["status"] == "pass"
    other = with_evidence(trained, data={**trained.scorer.evidence["data"], "fingerprint": "../elsewhere"})
    file = settings.home / f"{trained.cases.fingerprint}.parquet"
    file.rename(settings.home / "elsewhere.parquet")
    gates = judge_gates(other, CASE, settings, None)
    assert {gate["code"]: gate for gate in gates}["G-CHAMPION-LOSS"]["status"] == "fail"


def test_a_champion_that_is_damaged_fails_the_challenger_and_stops_nothing(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    lost = Champion(f"{NAME}:2222222222222222", "1", "2026-11-21T00:00:00+00:00", "tests")
    set_champion(NAME, lost, settings.bentoml_home)
    gate = results(quick(NAME), settings)["G-CHAMPION-COST"]
    assert (gate["status"], gate["against"]) == ("fail", lost.model)


def test_the_gates_say_whom_they_compared_with(quick: Callable[..., Trained], settings: Settings) -> None:
    make_champion(quick(NAME), settings)
    found = results(quick(NAME, "decision_tree"), settings)
    named = {code: gate["against"] for code, gate in found.items() if "against" in gate}
    assert named == dict.fromkeys(("G-CHAMPION-COST", "G-CHAMPION-LOSS"), quick(NAME).scorer.tag)


def test_records_that_the_contract_refuses_are_not_timed(
    quick: Callable[..., Trained], no_champion: Settings
) -> None:
    half = replace(CASE, generate=_some_refused)
    gates = judge_gates(quick(NAME).scorer, half, no_champion, quick(NAME).cases)
    assert {gate["code"]: gate for gate in gates}["G-LATENCY"]["status"] == "pass"


def test_with_no_record_that_the_contract_takes_the_time_is_not_measured(
    quick: Callable[..., Trained], no_champion: Settings
) -> None:
    none = replace(CASE, generate=lambda rng, rows: CASE.generate(rng, rows).assign(income=-1.0))
    gates = judge_gates(quick(NAME).scorer, none, no_champion, quick(NAME).cases)
    latency = {gate["code"]: gate for gate in gates}["G-LATENCY"]
    assert (latency["status"], latency["note"]) == (
        "not_applicable",
        "the time of one decision was not measured",
    )


@pytest.mark.parametrize("missing", ["requirements", "gates"])
def test_a_version_of_an_earlier_release_is_to_be_trained_again(
    quick: Callable[..., Trained], no_champion: Settings, missing: str
) -> None:
    scorer = quick(NAME).scorer
    old = replace(scorer, evidence={key: part for key, part in scorer.evidence.items() if key != missing})
    with pytest.raises(ModelRefused) as refused:
        judge_gates(old, CASE, no_champion, None)
    assert str(refused.value) == f"{scorer.tag} was trained by an earlier release; train again"


def with_evidence(trained: Trained, **parts: object) -> Scorer:
    return replace(trained.scorer, evidence={**trained.scorer.evidence, **parts})


def _some_refused(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    table = CASE.generate(rng, rows)
    return table.assign(income=table["income"].where(np.arange(rows) % 2 == 0, -1.0))


def test_the_champion_itself_is_compared_with_nobody(
    quick: Callable[..., Trained], settings: Settings
) -> None:
    make_champion(quick(NAME), settings)
    assert results(quick(NAME), settings)["G-CHAMPION-COST"]["status"] == "not_applicable"
