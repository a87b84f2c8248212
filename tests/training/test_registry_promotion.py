from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import bentoml
import pytest

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.model_store import champions, load_scorer, read_card
from service.scoring.bundle import CARD, PROMOTION
from tests.training.registries import (
    FAILED_GATE,
    LINEAGE,
    OVERRIDE,
    PASSED_GATE,
    STRICT,
    USE_CASE,
    Quick,
    aliases,
    beside,
    local_registry,
    pointer,
    served,
    version_tags,
)
from training.registry import CHALLENGER, CHAMPION, PREVIOUS, Override, Registry, Version


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
