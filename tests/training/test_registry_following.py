from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import NoSuchModel
from service.model_store import save_bundle, set_champion
from tests.training.registries import (
    LINEAGE,
    USE_CASE,
    Quick,
    aliases,
    served,
)
from training.registry import CHALLENGER, CHAMPION, PREVIOUS, Champion, Registry


def test_aliases_that_a_crash_left_behind_follow_the_stores_pointer(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1")
    registry.promote(USE_CASE, "2")
    for alias in (CHAMPION, PREVIOUS):
        registry._client.delete_registered_model_alias(USE_CASE, alias)
    registry.find(USE_CASE)
    assert aliases(registry) == {CHALLENGER: "2", CHAMPION: "2", PREVIOUS: "1"}


def test_a_command_that_finds_nothing_behind_does_not_touch_the_store(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1")
    lock = registry.settings.bentoml_home / "champions" / f".{USE_CASE}.lock"
    lock.unlink()
    registry.find(USE_CASE)
    assert not lock.exists()


def test_the_champion_of_another_registry_is_none_of_this_ones_business(
    registry: Registry, quick: Quick, tmp_path: Path
) -> None:
    registry.promote(USE_CASE, "1")
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "other.db")
    other = Registry(replace(registry.settings, tracking_uri=f"sqlite:///{tmp_path / 'other.db'}"))
    other._client.delete_registered_model(USE_CASE)
    with pytest.raises(NoSuchModel):
        other.find(USE_CASE)
    other.record(quick(USE_CASE, "logistic_regression"), LINEAGE)
    other.find(USE_CASE)
    assert aliases(other) == {CHALLENGER: "1"}


def test_a_champion_from_before_reasons_were_kept_can_be_followed_and_rolled_back_to(
    registry: Registry, quick: Quick, two: tuple[str, str]
) -> None:
    save_bundle(quick(USE_CASE).files, USE_CASE, {})
    old = Champion(two[0], "1", "2026-11-20T00:00:00+00:00", "ada")
    set_champion(USE_CASE, old, registry.settings.bentoml_home)
    registry.promote(USE_CASE, "2")
    assert aliases(registry) == {CHALLENGER: "2", CHAMPION: "2", PREVIOUS: "1"}
    registry.rollback(USE_CASE, "complaints")
    assert served(registry)[0] == two[0]
    with pytest.raises(NoSuchModel):
        registry.rollback(USE_CASE, "further")


def test_a_damaged_pointer_is_replaced_by_a_promotion_and_the_history_goes_on(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1")
    (registry.settings.bentoml_home / "champions" / f"{USE_CASE}.json").write_text("{")
    registry.promote(USE_CASE, "2")
    assert [said.registry_version for said in registry.history(USE_CASE)] == ["1", "2"]
    registry.rollback(USE_CASE, "complaints")
    assert served(registry)[0] == two[0]
