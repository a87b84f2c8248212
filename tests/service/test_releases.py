from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.model_store import (
    Release,
    champion,
    find_release,
    history,
    load_scorer,
    put_beside,
    put_release,
    release_of,
    set_champion,
    store_release,
)
from service.model_store.release import hashes_in
from service.model_store.releases import NEWEST
from service.places import place_of
from service.places.place import Place
from service.policy_store import PolicyOrigin, load_policy, save_policy
from service.scoring.bundle import CARD
from service.scoring.errors import BundleInvalid, canonical_json
from service.scoring.policy import Policy
from tests.processes import Home
from tests.service.conftest import STORED

STRICT = Policy("strict", 0.01, 0.02)
ORIGIN = PolicyOrigin("2026-11-21T09:00:00+00:00", "Ada", "fewer losses", None, {}, f"{STORED}:0", None)


@pytest.fixture
def release(store: Path) -> Release:
    return release_of(STORED, store)


@pytest.fixture
def strict(store: Path, tmp_path: Path) -> Release:
    """A release of a champion that is served with another policy than its bundle's."""
    home = tmp_path / "strict"
    set_champion(STORED, replace(champion(STORED, store), policy=STRICT.version), home)
    save_policy(STORED, STRICT, ORIGIN, home)
    return release_of(STORED, home)


@pytest.fixture
def kept(release: Release, tmp_path: Path) -> Place:
    """A folder that has the release."""
    place = place_of(str(tmp_path / "releases"))
    put_release(release, place)
    return place


def refusal(place: Place, expected: str | None = None) -> str:
    with pytest.raises(ModelRefused) as caught:
        find_release(place, expected)
    return str(caught.value)


def forged(place: Place, change: Callable[[dict[str, Any]], object]) -> str:
    """Return what is said of the release once its manifest was changed."""
    body = json.loads(place.read(NEWEST) or b"")
    change(body)
    place.write(NEWEST, canonical_json(body))
    return refusal(place)


# There and back


def test_what_was_put_is_found_with_its_bundle_pointer_and_card(kept: Place, release: Release) -> None:
    found = find_release(kept)
    assert found == release
    assert found.id == release.id
    assert CARD not in release.bundle or found.bundle[CARD] == release.bundle[CARD]


def test_a_policy_that_is_not_the_bundles_own_goes_with_it(strict: Release, tmp_path: Path) -> None:
    place, home = place_of(str(tmp_path / "releases")), tmp_path / "delivery"
    put_release(strict, place)
    store_release(find_release(place), home)
    assert load_scorer(STORED, home).policy == STRICT
    assert load_policy(STORED, STRICT.version, home).about == ORIGIN


def test_through_s3_it_is_the_same(release: Release, bucket: str) -> None:
    place = place_of(f"s3://{bucket}/releases/{STORED}")
    assert put_release(release, place)
    assert not put_release(release, place)
    assert find_release(place) == release


def test_a_release_of_what_was_imported_is_the_same_release(
    kept: Place, release: Release, tmp_path: Path
) -> None:
    assert store_release(find_release(kept), tmp_path)
    assert champion(STORED, tmp_path) == release.champion
    assert release_of(STORED, tmp_path).id == release.id


# Again


def test_the_release_that_is_there_already_is_not_written_again(
    kept: Place, release: Release, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "releases").rglob("*")}
    assert not put_release(release, kept)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "releases").rglob("*")} == before


def test_a_damaged_file_is_mended_by_putting_the_release_again(kept: Place, release: Release) -> None:
    digest = hashes_in(release.manifest)["bundle/predictor.json"]
    kept.write(f"files/{digest}", b"{}")
    put_release(release, kept)
    assert find_release(kept) == release


def test_an_earlier_release_stays_and_is_found_by_its_id(
    kept: Place, release: Release, strict: Release
) -> None:
    assert put_release(strict, kept)
    assert find_release(kept) == strict
    assert find_release(kept, release.id) == release


def test_importing_it_again_changes_nothing(release: Release, tmp_path: Path) -> None:
    assert store_release(release, tmp_path)
    assert not store_release(release, tmp_path)
    assert len(history(STORED, tmp_path)) == 1


def test_another_champion_is_replaced_only_when_asked_to_and_stands_in_the_history(
    release: Release, strict: Release, tmp_path: Path
) -> None:
    store_release(release, tmp_path)
    with pytest.raises(
        WrongUse, match=r"another champion of loan_approval: .*; to put this one in its place, say --rep"
    ):
        store_release(strict, tmp_path)
    assert champion(STORED, tmp_path) == release.champion
    assert store_release(strict, tmp_path, replace_champion=True)
    assert not store_release(strict, tmp_path, replace_champion=True)
    now = champion(STORED, tmp_path)
    assert (now.policy, now.change) == (STRICT.version, release.champion.change + 1)
    assert now.previous == release.champion.as_earlier


# What is refused


def test_a_file_that_was_changed_is_refused_by_name(kept: Place, release: Release) -> None:
    kept.write(f"files/{hashes_in(release.manifest)['bundle/predictor.json']}", b"{}")
    assert "bundle/predictor.json was changed: its SHA-256 is not the one in the manifest" in refusal(kept)


def test_a_file_that_is_missing_is_refused_by_name(kept: Place, release: Release) -> None:
    kept.remove(f"files/{hashes_in(release.manifest)['bundle/contract.json']}")
    assert "bundle/contract.json is missing: there is no files/" in refusal(kept)


@given(length=st.floats(0, 0.999))
def test_a_manifest_that_was_cut_short_is_refused(quick_home: Callable[[str], Home], length: float) -> None:
    manifest = release_of(STORED, quick_home(STORED).bentoml_home).manifest
    with pytest.raises(BundleInvalid):
        hashes_in(manifest[: int(len(manifest.rstrip()) * length)])


def test_a_consistent_forgery_has_another_id(kept: Place, release: Release, strict: Release) -> None:
    kept.write(f"releases/{release.id}.json", strict.manifest)
    assert f"its content is the release {strict.id}" in refusal(kept, release.id)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.update(format=2), "its format 2 is not 1"),
        (lambda body: body.update(code="import os"), "expected exactly"),
        (lambda body: body["files"].update({"bundle/../../x.json": "0" * 64}), "is no file of a release"),
        (lambda body: body["files"].update({"bundle/model.pkl": "0" * 64}), "is no file of a release"),
        (lambda body: body["files"].update({"bundle/leaves.npy": "../../etc/passwd"}), "is no SHA-256"),
        (lambda body: body["champion"].update(model="../x:1"), "'../x' is no name of a use case"),
        (lambda body: body["champion"].update(model=5), "champion: model is 5, which is not text"),
        (
            lambda body: body["champion"].update(model="credit_risk:0123456789abcdef"),
            "manifest.json has the version",
        ),
        (lambda body: body["champion"].update(policy="strict-00000000"), "policy.json is missing"),
        (
            lambda body: body["champion"].update(change="many"),
            "champion: change is 'many', which is not the number of a change",
        ),
        (lambda body: body.update(champion=None), "champion: an object is needed"),
        (lambda body: body.update(files=[]), "files: expected an object, found list"),
    ],
    ids=[
        "format",
        "unknown-key",
        "path",
        "pickle",
        "hash",
        "use-case",
        "number",
        "model",
        "policy",
        "change",
        "no-champion",
        "list",
    ],
)
def test_a_forged_manifest_is_refused_with_what_is_wrong(
    kept: Place, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    assert said in forged(kept, change)


def test_a_policy_that_nobody_uses_is_refused(kept: Place, strict: Release) -> None:
    put_release(strict, kept)
    said = forged(kept, lambda body: body["champion"].update(policy=None))
    assert "policy.json is there, and the champion is served with its bundle's own policy" in said


def test_nothing_is_stored_of_a_release_that_is_refused(kept: Place, tmp_path: Path) -> None:
    forged(kept, lambda body: body["champion"].update(policy="strict-00000000"))
    assert not (tmp_path / "delivery").exists()


def test_a_place_of_one_use_case_takes_no_release_of_another(kept: Place, release: Release) -> None:
    other = replace(release, champion=replace(release.champion, model="credit_risk:0123456789abcdef"))
    with pytest.raises(
        WrongUse, match=r"releases has the releases of loan_approval, and this is one of credit_risk; name"
    ):
        put_release(other, kept)
    assert find_release(kept) == release


def test_a_place_whose_newest_is_damaged_is_mended_by_the_next_release(kept: Place, release: Release) -> None:
    kept.write(NEWEST, b"{")
    assert put_release(release, kept)
    assert find_release(kept) == release


def test_an_empty_place_says_how_to_make_a_release(tmp_path: Path) -> None:
    with pytest.raises(
        NoSuchModel, match=r"has no release\.json; make a release with: aval export USE_CASE "
    ):
        find_release(place_of(str(tmp_path)))


def test_an_id_that_cannot_be_one_is_wrong_use(kept: Place) -> None:
    with pytest.raises(WrongUse, match=r"'\.\./x' is no id of a release; it has 16 hex digits"):
        find_release(kept, "../x")


def test_a_damaged_bundle_is_not_released(store: Path, folder: Path) -> None:
    (folder / "contract.json").write_bytes(b"{}")
    with pytest.raises(ModelRefused, match=r"cannot be released: contract\.json was changed"):
        release_of(STORED, store)


def test_a_bundle_that_is_gone_is_not_released(store: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    with pytest.raises(NoSuchModel, match=r"the model store holds no loan_approval:"):
        release_of(STORED, store)


# Its id


def test_a_new_card_makes_another_release_of_the_same_bundle(
    store: Path, release: Release, folder: Path
) -> None:
    put_beside(release.champion.model, {CARD: b"<html>another</html>"}, store)
    again = release_of(STORED, store)
    assert again.champion == release.champion
    assert again.id != release.id


def test_the_id_is_the_start_of_the_manifests_hash(release: Release) -> None:
    assert hashlib.sha256(release.manifest).hexdigest().startswith(release.id)
