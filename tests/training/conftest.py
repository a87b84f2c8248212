"""Registries that tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.policy_store import PolicyOrigin, save_policy
from tests.training.registries import (
    KINDS,
    LINEAGE,
    STRICT,
    USE_CASE,
    Quick,
    local_registry,
    registry_of_two,
)
from training.registry import Registry


@pytest.fixture
def registry(tmp_path: Path, quick: Quick) -> Registry:
    """A registry of two versions of loan approval, neither promoted."""
    return registry_of_two(tmp_path, quick)


@pytest.fixture
def two(quick: Quick) -> tuple[str, str]:
    """The tags of the registry's two versions, neither promoted."""
    first, second = (quick(USE_CASE, kind).scorer.tag for kind in KINDS)
    return first, second


@pytest.fixture
def fragile(tmp_path: Path, quick: Quick) -> Registry:
    """A registry of the same two versions, whose artifacts a test may damage."""
    registry = local_registry(tmp_path)
    for kind in KINDS:
        registry.record(quick(USE_CASE, kind), LINEAGE)
    return registry


@pytest.fixture
def strict(registry: Registry) -> str:
    """The version of a stored policy."""
    origin = PolicyOrigin("2026-11-21T00:00:00+00:00", "ada", "fewer losses", None, {}, f"{USE_CASE}:1")
    return save_policy(USE_CASE, STRICT, origin, registry.settings.bentoml_home)
