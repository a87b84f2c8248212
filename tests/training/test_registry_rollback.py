from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.scoring.bundle import PROMOTION
from tests.training.registries import (
    FAILED_GATE,
    LINEAGE,
    OVERRIDE,
    USE_CASE,
    Quick,
    aliases,
    beside,
    pointer,
    pointer_policy,
    registry_at,
    served,
)
from training.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry


def test_a_rollback_takes_back_model_and_policy_as_one(
    registry: Registry, two: tuple[str, str], strict: str
) -> None:
    registry.promote(USE_CASE, "1")
    registry.use_policy(USE_CASE, strict, "fewer losses")
    registry.promote(USE_CASE, "2", why="cheaper")
    assert served(registry) == (two[1], pointer_policy(registry))
    found, changed = registry.rollback(USE_CASE, "complaints")
    assert changed
    assert served(registry) == (two[0], strict) == (found.tag, found.scorer.policy.version)
    said = pointer(registry)
    assert (said.action, said.why, said.registry_version) == ("rollback", "complaints", "1")
    assert aliases(registry)[CHAMPION] == "1"


def test_rolling_back_twice_goes_back_twice_and_never_forth(registry: Registry, quick: Quick) -> None:
    registry.record(quick(USE_CASE), LINEAGE)
    for number in ("1", "2", "3"):
        registry.promote(USE_CASE, number)
    registry.rollback(USE_CASE, "once")
    assert aliases(registry) == {CHALLENGER: "3", CHAMPION: "2", PREVIOUS: "1"}
    registry.rollback(USE_CASE, "twice")
    assert aliases(registry) == {CHALLENGER: "3", CHAMPION: "1"}
    with pytest.raises(NoSuchModel) as caught:
        registry.rollback(USE_CASE, "thrice")
    assert f"no champion before {pointer(registry).model}" in str(caught.value)
    assert [said.registry_version for said in registry.history(USE_CASE)] == ["1", "2", "3", "2", "1"]


def test_after_a_rollback_a_promotion_leads_back_to_what_was_rolled_back_to(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1")
    registry.promote(USE_CASE, "2")
    registry.rollback(USE_CASE, "complaints")
    registry.promote(USE_CASE, "2")
    registry.rollback(USE_CASE, "complaints again")
    assert served(registry)[0] == two[0]
    with pytest.raises(NoSuchModel):
        registry.rollback(USE_CASE, "once more")


def test_the_record_of_a_rollback_has_the_gates_of_that_models_promotion(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1", gates=[FAILED_GATE], override=OVERRIDE)
    first = pointer(registry)
    registry.promote(USE_CASE, "2")
    registry.rollback(USE_CASE, "complaints")
    record = beside(registry, two[0], PROMOTION)
    assert (record["action"], record["why"], record["gates"]) == ("rollback", "complaints", [FAILED_GATE])
    assert record["override"]["by"] == "Grace Hopper"
    assert pointer(registry).gates_sha256 == first.gates_sha256


def test_a_model_that_is_damaged_in_the_store_is_fetched_again_by_a_rollback(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1")
    registry.promote(USE_CASE, "2")
    shutil.rmtree(registry.settings.bentoml_home / "models" / two[0].replace(":", "/"))
    registry.rollback(USE_CASE, "complaints")
    assert served(registry)[0] == two[0]


def test_a_rollback_to_what_is_damaged_everywhere_changes_nothing(
    fragile: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    fragile.promote(USE_CASE, "1")
    fragile.promote(USE_CASE, "2")
    shutil.rmtree(fragile.settings.bentoml_home / "models" / two[0].replace(":", "/"))
    shutil.rmtree(tmp_path / "artifacts")
    before = pointer(fragile)
    with pytest.raises(ModelRefused):
        fragile.rollback(USE_CASE, "complaints")
    assert pointer(fragile) == before
    assert served(fragile)[0] == two[1]


@pytest.mark.parametrize("why", ["", "  "])
def test_a_rollback_needs_a_reason(registry: Registry, why: str) -> None:
    with pytest.raises(WrongUse) as caught:
        registry.rollback(USE_CASE, why)
    assert str(caught.value) == "a reason is needed: --why TEXT"


def test_a_rollback_without_a_champion_says_what_to_run(registry: Registry) -> None:
    with pytest.raises(NoSuchModel) as caught:
        registry.rollback(USE_CASE, "complaints")
    assert str(caught.value).endswith(f"aval promote {USE_CASE}")


def test_a_rollback_is_done_while_mlflow_is_down_and_mlflow_follows_later(
    registry: Registry, two: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    registry.promote(USE_CASE, "1")
    registry.promote(USE_CASE, "2")
    settings = registry.settings
    down = registry_at(settings.home, "http://127.0.0.1:9", settings.bentoml_home)
    down.rollback(USE_CASE, "complaints")
    assert served(registry)[0] == two[0]
    assert "MLflow follows with the next command: the MLflow server at http://127.0.0.1:9" in caplog.text
    assert aliases(registry)[CHAMPION] == "2"
    registry.find(USE_CASE)
    assert aliases(registry) == {CHALLENGER: "2", CHAMPION: "1"}
