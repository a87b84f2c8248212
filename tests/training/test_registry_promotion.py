from __future__ import annotations

import getpass
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import bentoml
import pytest

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.model_store import champion, champions, load_scorer, read_card, save_bundle, set_champion
from service.policy_store import PolicyOrigin, save_policy
from service.scoring.bundle import CARD, PROMOTION
from service.scoring.policy import Policy
from tests.training.registries import (
    FAILED_GATE,
    KINDS,
    LINEAGE,
    PASSED_GATE,
    USE_CASE,
    aliases,
    beside,
    local_registry,
    registry_at,
    registry_of_two,
    version_tags,
)
from training.registry import CHALLENGER, CHAMPION, PREVIOUS, Champion, Override, Registry, Version
from training.train import Trained

Quick = Callable[..., Trained]
OVERRIDE = Override("Grace Hopper", "the price list that the gate compares with is of last year")
STRICT = Policy("strict", 0.01, 0.02)


@pytest.fixture
def registry(tmp_path: Path, quick: Quick) -> Registry:
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


def pointer(registry: Registry) -> Champion:
    return champion(USE_CASE, registry.settings.bentoml_home)


def served(registry: Registry) -> tuple[str, str]:
    """The tag and the policy that the champion is served with."""
    scorer = load_scorer(USE_CASE, registry.settings.bentoml_home)
    return scorer.tag, scorer.policy.version


# Promote


def test_promoting_stores_the_verified_bundle_and_is_idempotent(registry: Registry, quick: Quick) -> None:
    version, changed = registry.promote(USE_CASE, "1")
    before = pointer(registry)
    again, changed_again = registry.promote(USE_CASE, "1")
    assert (changed, changed_again) == (True, False)
    assert version.tag == again.tag == quick(USE_CASE).scorer.tag
    assert load_scorer(USE_CASE, registry.settings.bentoml_home).version == quick(USE_CASE).scorer.version
    assert pointer(registry) == before
    assert len(registry.history(USE_CASE)) == 1
    assert aliases(registry) == {CHALLENGER: "2", CHAMPION: "1"}
    labels = bentoml.models.get(version.tag).info.labels
    assert labels["use_case"] == USE_CASE
    assert labels["data_fingerprint"] == quick(USE_CASE).cases.fingerprint[:16]
    assert labels["git_revision"] == LINEAGE["git_revision"]


def test_who_when_why_and_gates_are_in_pointer_record_and_mlflow(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1")
    registry.promote(USE_CASE, "2", why="cheaper by a tenth", gates=[PASSED_GATE])
    said = pointer(registry)
    assert (said.model, said.why, said.promoted_by) == (two[1], "cheaper by a tenth", getpass.getuser())
    assert len(said.gates_sha256) == 64
    record = beside(registry, two[1], PROMOTION)
    assert record == {
        "use_case": USE_CASE,
        "version": "2",
        "change": 2,
        "model": two[1],
        "policy": load_scorer(USE_CASE, registry.settings.bentoml_home).policy.version,
        "action": "promote",
        "promoted_at": said.promoted_at,
        "promoted_by": said.promoted_by,
        "why": "cheaper by a tenth",
        "override": None,
        "gates": [PASSED_GATE],
        "against": two[0],
    }
    tags = version_tags(registry, "2")
    assert (tags["promotion.why"], tags["promotion.by"]) == ("cheaper by a tenth", said.promoted_by)
    run_id = registry.find(USE_CASE, "2").run_id
    logged = registry._client.download_artifacts(
        run_id, "promotion/promotion.json", str(registry.settings.home)
    )
    assert json.loads(Path(logged).read_text()) == record


def test_a_second_champion_makes_the_first_the_previous_one(registry: Registry, two: tuple[str, str]) -> None:
    registry.promote(USE_CASE, "1")
    assert PREVIOUS not in aliases(registry)
    registry.promote(USE_CASE, "2")
    assert aliases(registry) == {CHALLENGER: "2", CHAMPION: "2", PREVIOUS: "1"}


def test_an_override_is_in_pointer_record_and_mlflow(registry: Registry, two: tuple[str, str]) -> None:
    registry.promote(USE_CASE, "1", override=OVERRIDE, gates=[FAILED_GATE])
    assert pointer(registry).override == OVERRIDE
    assert beside(registry, two[0], PROMOTION)["override"] == {
        "by": "Grace Hopper",
        "because": OVERRIDE.because,
    }
    tags = version_tags(registry, "1")
    assert (tags["override.by"], tags["override.because"]) == ("Grace Hopper", OVERRIDE.because)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (Override("", "because"), "a name and a reason"),
        (Override("Grace", "  "), "a name and a reason"),
        (Override(f" {getpass.getuser().upper()} ", "because"), "a second person"),
    ],
    ids=("no name", "no reason", "oneself"),
)
def test_an_override_without_a_second_person_and_a_reason_promotes_nothing(
    registry: Registry, two: tuple[str, str], override: Override, said: str
) -> None:
    with pytest.raises(WrongUse) as caught:
        registry.promote(USE_CASE, override=override, gates=[FAILED_GATE])
    assert said in str(caught.value)
    assert USE_CASE not in champions(registry.settings.bentoml_home)


def test_the_card_is_rendered_from_the_record_and_kept_beside_the_bundle(
    registry: Registry, two: tuple[str, str]
) -> None:
    def card(found: Version, record: Mapping[str, Any]) -> dict[str, bytes]:
        return {CARD: f"{found.tag} {record['why']}".encode()}

    registry.promote(USE_CASE, "1", why="first", card=card)
    assert read_card(USE_CASE, registry.settings.bentoml_home) == f"{two[0]} first".encode()
    assert load_scorer(USE_CASE, registry.settings.bentoml_home).tag == two[0]


def test_a_failed_gate_that_blocks_is_refused_without_an_override(registry: Registry) -> None:
    with pytest.raises(ModelRefused, match="may not be promoted, because of cost"):
        registry.promote(USE_CASE, "1", gates=[PASSED_GATE, FAILED_GATE])
    assert USE_CASE not in champions(registry.settings.bentoml_home)
    registry.promote(USE_CASE, "1", gates=[{**FAILED_GATE, "severity": "warns"}])
    assert pointer(registry).registry_version == "1"


def test_gates_that_compared_with_another_champion_are_refused(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1", gates=[{**PASSED_GATE, "against": None}])
    for against in (None, f"{USE_CASE}:another"):
        with pytest.raises(ModelRefused, match="the champion changed meanwhile; promote again"):
            registry.promote(USE_CASE, "2", gates=[{**PASSED_GATE, "against": against}])
    assert pointer(registry).registry_version == "1"
    registry.promote(USE_CASE, "2", gates=[{**PASSED_GATE, "against": two[0]}])
    assert beside(registry, two[1], PROMOTION)["against"] == two[0]


def test_the_champion_itself_is_promoted_again_with_gates_that_compared_with_nobody(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1")
    registry.promote(USE_CASE, "2", gates=[{**PASSED_GATE, "against": two[0]}])
    _, changed = registry.promote(USE_CASE, "2", gates=[{**PASSED_GATE, "against": None}])
    assert not changed
    assert beside(registry, two[1], PROMOTION)["against"] == two[0]


def test_promoting_again_writes_record_and_card_anew_and_keeps_champion_reason_and_policy(
    registry: Registry, two: tuple[str, str], strict: str
) -> None:
    registry.promote(USE_CASE, "1", why="first", gates=[FAILED_GATE], override=OVERRIDE)
    registry.use_policy(USE_CASE, strict, "fewer losses")
    before = pointer(registry)
    found, changed = registry.promote(
        USE_CASE, "1", why="again", gates=[PASSED_GATE], card=lambda *_: {CARD: b"new"}
    )
    after = pointer(registry)
    assert not changed
    assert found.scorer.policy == STRICT
    assert after == replace(before, gates_sha256=after.gates_sha256)
    assert after.gates_sha256 != before.gates_sha256
    assert beside(registry, two[0], PROMOTION)["gates"] == [PASSED_GATE]
    assert beside(registry, two[0], PROMOTION)["override"]["by"] == "Grace Hopper"
    assert read_card(USE_CASE, registry.settings.bentoml_home) == b"new"
    assert len(registry.history(USE_CASE)) == 2


def test_promoting_again_without_gates_keeps_those_of_the_record(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1", gates=[PASSED_GATE])
    before = pointer(registry)
    registry.promote(USE_CASE, "1")
    assert beside(registry, two[0], PROMOTION)["gates"] == [PASSED_GATE]
    assert pointer(registry) == before


def test_gates_in_a_record_that_was_changed_are_not_taken_over(
    registry: Registry, two: tuple[str, str]
) -> None:
    registry.promote(USE_CASE, "1", gates=[FAILED_GATE], override=OVERRIDE)
    file = registry.settings.bentoml_home / "models" / two[0].replace(":", "/") / PROMOTION
    file.write_text(file.read_text().replace('"fail"', '"pass"'))
    registry.promote(USE_CASE, "2")
    registry.rollback(USE_CASE, "the new one is slow")
    assert beside(registry, two[0], PROMOTION)["gates"] == []


def test_a_bundle_changed_in_the_registry_is_not_promoted(fragile: Registry, tmp_path: Path) -> None:
    for policy in (tmp_path / "artifacts").rglob("policy.json"):
        policy.write_bytes(policy.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(ModelRefused) as caught:
        fragile.promote(USE_CASE)
    assert "policy.json was changed" in str(caught.value)
    assert USE_CASE not in champions(fragile.settings.bentoml_home)


def test_code_put_into_the_registrys_model_is_never_run(
    fragile: Registry, two: tuple[str, str], tmp_path: Path
) -> None:
    trap = f"open({str(tmp_path / 'marker')!r}, 'w').close()"
    for code in (tmp_path / "artifacts").rglob("model/**/*.py"):
        code.write_text(trap)
    fragile.promote(USE_CASE)
    assert served(fragile)[0] == two[1]
    assert not (tmp_path / "marker").exists()


def test_a_version_whose_source_is_the_plain_bundle_is_still_promotable(quick: Quick, tmp_path: Path) -> None:
    registry = local_registry(tmp_path)
    trained, client = quick(USE_CASE), registry._client
    experiment = client.create_experiment(USE_CASE, artifact_location=(tmp_path / "artifacts").as_uri())
    run = client.create_run(experiment)
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in trained.files.items():
        (folder / name).write_bytes(content)
    client.log_artifacts(run.info.run_id, str(folder), "bundle")
    client.create_registered_model(USE_CASE)
    client.create_model_version(
        USE_CASE,
        source=f"{run.info.artifact_uri}/bundle",
        run_id=run.info.run_id,
        tags={"bundle": trained.scorer.tag},
    )
    client.set_registered_model_alias(USE_CASE, CHALLENGER, "1")
    assert registry.promote(USE_CASE)[0].tag == served(registry)[0] == trained.scorer.tag


def test_a_use_case_without_a_training_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoSuchModel) as caught:
        local_registry(tmp_path).promote(USE_CASE)
    assert str(caught.value) == f"{USE_CASE} has no trained model; run: aval train {USE_CASE}"


# Roll back


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


def pointer_policy(registry: Registry) -> str:
    """The policy of the champion's own bundle."""
    return load_scorer(pointer(registry).model, registry.settings.bentoml_home).policy.version


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


# Policy


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


# MLflow follows


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
