from __future__ import annotations

import pytest

from service.errors import ModelRefused, NoSuchModel
from service.scoring.bundle import PROMOTION
from tests.training.registries import (
    STRICT,
    USE_CASE,
    beside,
    pointer,
    pointer_policy,
    served,
    version_tags,
)
from training.registry import Registry


def test_another_policy_decides_for_the_same_model_and_can_be_taken_back(
    registry: Registry, two: tuple[str, str], strict: str
) -> None:
    registry.promote(USE_CASE, "1")
    own = pointer_policy(registry)
    found, changed = registry.use_policy(USE_CASE, strict, "fewer losses")
    assert (changed, found.scorer.policy) == (True, STRICT)
    assert served(registry) == (two[0], strict)
    assert (pointer(registry).policy, pointer(registry).why) == (strict, "fewer losses")
    assert beside(registry, two[0], PROMOTION)["policy"] == strict
    assert version_tags(registry, "1")["promotion.policy"] == strict
    assert registry.use_policy(USE_CASE, strict, "again")[1] is False
    registry.rollback(USE_CASE, "too strict")
    assert served(registry) == (two[0], own)


@pytest.mark.parametrize("named", [True, False], ids=["by its version", "by None"])
def test_the_bundles_own_policy_can_be_used_again(
    registry: Registry, two: tuple[str, str], strict: str, named: bool
) -> None:
    registry.promote(USE_CASE, "1")
    own = pointer_policy(registry)
    registry.use_policy(USE_CASE, strict, "fewer losses")
    registry.use_policy(USE_CASE, own if named else None, "back to the costs")
    assert served(registry) == (two[0], own)
    assert pointer(registry).policy is None


def test_a_policy_that_is_not_stored_changes_nothing(registry: Registry, two: tuple[str, str]) -> None:
    registry.promote(USE_CASE, "1")
    before = pointer(registry)
    with pytest.raises(NoSuchModel) as caught:
        registry.use_policy(USE_CASE, "strict-01234567", "fewer losses")
    assert "no stored policy 'strict-01234567'" in str(caught.value)
    assert pointer(registry) == before


def test_a_champion_whose_policy_is_missing_or_damaged_is_not_served_with_another(
    registry: Registry, two: tuple[str, str], strict: str
) -> None:
    registry.promote(USE_CASE, "1")
    registry.use_policy(USE_CASE, strict, "fewer losses")
    file = registry.settings.bentoml_home / "policies" / USE_CASE / f"{strict}.json"
    file.write_text(file.read_text().replace("0.02", "0.9"))
    with pytest.raises(ModelRefused) as damaged:
        served(registry)
    assert "it was changed or renamed" in str(damaged.value)
    file.unlink()
    with pytest.raises(NoSuchModel) as missing:
        served(registry)
    assert f"no stored policy '{strict}'" in str(missing.value)
