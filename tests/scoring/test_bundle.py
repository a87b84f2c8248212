from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.scoring.bundle import MANIFEST, RUN, scorer_from_files, verify, version_of
from service.scoring.contract import Contract
from service.scoring.errors import BundleInvalid, canonical_json
from service.scoring.predictors import Predictor
from service.scoring.profile import level_counts
from service.scoring.scorer import Scorer
from tests.scoring.bomb import Bomb
from tests.scoring.ensembles import random_predictor
from tests.scoring.strategies import USUAL

Files = dict[str, bytes]
NAMES = ("calibrator.json", "contract.json", "evidence.json", "manifest.json", "nodes.npy", "policy.json",
         "predictor.json", "profile.json", "reasons.json")  # fmt: skip
JUNK: tuple[Any, ...] = (None, True, "x", [], {"a": 1}, -1, 1e308, 10**400, [[["x"]]])


def load(files: Files, version: str | None = None) -> Scorer:
    return scorer_from_files(files, use_case="lending", version=version or version_of(files))


def refusal_of(files: Files, version: str | None = None) -> str:
    with pytest.raises(BundleInvalid) as refusal:
        load(files, version)
    return str(refusal.value)


def rehashed(files: Files, **manifest: Any) -> Files:
    """Return the files with a manifest that fits them, as a forger would."""
    body = json.loads(files[MANIFEST]) | manifest
    others = {name: content for name, content in files.items() if name != MANIFEST}
    body["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in others.items()}
    return others | {MANIFEST: canonical_json(body)}


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of the values in a JSON document: the first item of a list, the first eight of an object."""
    yield path
    if isinstance(body, dict):
        for name in list(body)[:8]:
            yield from places(body[name], (*path, name))
    elif isinstance(body, list) and body:
        yield from places(body[0], (*path, 0))


def replaced(body: Any, path: tuple[Any, ...], value: object) -> Any:
    if not path:
        return value
    changed = body.copy()
    changed[path[0]] = replaced(body[path[0]], path[1:], value)
    return changed


def test_the_files_of_a_bundle_are_these(files: Files) -> None:
    assert tuple(sorted(files)) == NAMES


def test_equal_parts_give_equal_bytes_and_an_equal_version(
    contract: Contract, make_files: Callable[[Predictor], Files]
) -> None:
    first, second = (
        make_files(random_predictor("symmetric_trees", np.random.default_rng(4), level_counts(contract)))
        for _ in range(2)
    )
    assert first == second
    assert version_of(first) == version_of(second)


def test_another_predictor_gives_another_version(
    contract: Contract, make_files: Callable[[Predictor], Files], files: Files
) -> None:
    other = make_files(random_predictor("trees", np.random.default_rng(9), level_counts(contract)))
    assert version_of(other) != version_of(files)


def test_the_version_is_the_start_of_the_hash_of_the_manifest(files: Files) -> None:
    assert version_of(files) == hashlib.sha256(files[MANIFEST]).hexdigest()[:16]


@pytest.mark.parametrize("kind", ["linear", "symmetric_trees", "trees"])
def test_a_bundle_read_back_has_the_same_parts(
    contract: Contract, make_files: Callable[[Predictor], Files], kind: str
) -> None:
    predictor = random_predictor(kind, np.random.default_rng(5), level_counts(contract))
    files = make_files(predictor)
    scorer = load(files)
    assert (scorer.version, scorer.tag) == (version_of(files), f"lending:{version_of(files)}")
    assert scorer.contract == contract
    assert scorer.predictor.to_files() == predictor.to_files()
    assert (scorer.policy.name, scorer.calibrator.slope) == ("test", 1.25)
    assert scorer.evidence == {"gini": 0.5}


@USUAL
@given(name=st.sampled_from(NAMES), where=st.floats(0, 1, exclude_max=True), flipped=st.integers(1, 255))
def test_a_single_changed_byte_is_refused_with_the_name_of_its_file(
    files: Files, name: str, where: float, flipped: int
) -> None:
    content = bytearray(files[name])
    content[int(where * len(content))] ^= flipped
    message = refusal_of(files | {name: bytes(content)}, version_of(files))
    assert message.startswith(name)
    assert "was changed" in message


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_short_is_refused(files: Files, name: str) -> None:
    assert refusal_of(files | {name: files[name][:-1]}, version_of(files)).startswith(name)


@pytest.mark.parametrize("name", sorted({*NAMES} - {MANIFEST}))
def test_a_removed_file_is_refused(files: Files, name: str) -> None:
    rest = {other: content for other, content in files.items() if other != name}
    message = refusal_of(rest)
    assert message.startswith("manifest.json against the files that are there: expected exactly")
    assert name in message


def test_a_bundle_without_its_manifest_is_refused(files: Files) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        version_of({name: content for name, content in files.items() if name != MANIFEST})
    assert str(refusal.value) == "manifest.json is missing"


@pytest.mark.parametrize("name", ["extra.json", "leaves.npy", "model.pkl"])
def test_an_added_file_is_refused(files: Files, name: str) -> None:
    message = refusal_of(files | {name: b""})
    assert message.startswith("manifest.json against the files that are there: expected exactly")
    assert name in message


def test_a_forgery_with_fitting_hashes_is_refused_for_its_version(files: Files) -> None:
    milder = canonical_json({"name": "test", "refer_from": 1.0, "decline_from": 1.0})
    forged = rehashed(files | {"policy.json": milder})
    assert load(forged).policy.refer_from == 1.0
    message = refusal_of(forged, version_of(files))
    assert message == (
        f"manifest.json has the version {version_of(forged)}, not {version_of(files)}: "
        "it was changed or belongs to another bundle"
    )


@pytest.mark.parametrize("name", ["model.pkl", "extra.json", "../policy.json"])
def test_a_file_that_no_bundle_has_is_refused_even_with_fitting_hashes(files: Files, name: str) -> None:
    assert refusal_of(rehashed(files | {name: b"{}"})) == f"{name} is no file of a bundle"


@pytest.mark.parametrize("name", sorted({*NAMES} - {MANIFEST, "nodes.npy"}))
def test_a_file_that_every_bundle_has_is_missed_even_with_fitting_hashes(files: Files, name: str) -> None:
    rest = {other: content for other, content in files.items() if other != name}
    assert refusal_of(rehashed(rest)) == f"{name} is missing from the bundle"


def test_an_array_that_the_predictor_needs_is_missed_even_with_fitting_hashes(files: Files) -> None:
    rest = {name: content for name, content in files.items() if name != "nodes.npy"}
    assert refusal_of(rehashed(rest)) == "nodes.npy is missing"


@pytest.mark.parametrize("name", sorted({*NAMES} - {MANIFEST}))
def test_a_pickle_in_place_of_a_file_is_refused_without_running_it(
    files: Files, name: str, tmp_path: Path
) -> None:
    content = pickle.dumps(Bomb(tmp_path / "ran"))
    message = refusal_of(rehashed(files | {name: content}))
    assert name.removesuffix(".json") in message
    assert not (tmp_path / "ran").exists()


def test_a_pickle_in_place_of_the_manifest_is_refused_without_running_it(
    files: Files, tmp_path: Path
) -> None:
    content = pickle.dumps(Bomb(tmp_path / "ran"))
    assert refusal_of(files | {MANIFEST: content}).startswith("manifest.json is not valid JSON")
    assert not (tmp_path / "ran").exists()


def test_the_bundle_of_another_use_case_is_refused(files: Files) -> None:
    with pytest.raises(BundleInvalid) as refusal:
        scorer_from_files(files, use_case="cards", version=version_of(files))
    assert str(refusal.value) == "the bundle is of use case 'lending', not of 'cards'"


def test_a_manifest_that_lies_about_the_use_case_is_refused(files: Files) -> None:
    forged = rehashed(files, use_case="cards")
    with pytest.raises(BundleInvalid) as refusal:
        scorer_from_files(forged, use_case="cards", version=version_of(forged))
    assert str(refusal.value) == "contract.json is of lending, not of cards"


@pytest.mark.parametrize("number", [0, 2, "1", None, [1]])
def test_a_format_it_does_not_know_is_refused(files: Files, number: object) -> None:
    message = refusal_of(rehashed(files, format=number))
    assert message == f"manifest.json: format {number!r} is not 1, the one this version reads"


def test_the_file_of_the_run_is_ignored(files: Files) -> None:
    with_run = files | {RUN: b"anything"}
    assert version_of(with_run) == version_of(files)
    assert load(with_run).version == version_of(files)


def test_verify_accepts_what_it_should(files: Files) -> None:
    assert verify(files, use_case="lending", version=version_of(files)) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("name", sorted({*NAMES} - {MANIFEST, "nodes.npy"}))
def test_junk_anywhere_is_refused_or_harmless(files: Files, name: str, record: dict[str, Any]) -> None:
    body = json.loads(files[name])
    refused = 0
    for path in places(body):
        for junk in JUNK:
            spoilt = rehashed(files | {name: canonical_json(replaced(body, path, junk))})
            try:
                load(spoilt)
            except BundleInvalid:
                refused += 1
    assert refused or name == "evidence.json"


@pytest.mark.parametrize("path", [(), ("files",), ("files", "policy.json"), ("format",), ("use_case",)])
def test_junk_in_the_manifest_is_refused(files: Files, path: tuple[str, ...]) -> None:
    body = json.loads(files[MANIFEST])
    for junk in JUNK[2:]:
        message = refusal_of(files | {MANIFEST: canonical_json(replaced(body, path, junk))})
        assert message


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}', b"1" * 5000, b"null"]
)
@pytest.mark.parametrize("name", sorted({*NAMES} - {MANIFEST, "nodes.npy"}))
def test_bytes_that_are_no_json_object_are_refused(files: Files, name: str, content: bytes) -> None:
    message = refusal_of(rehashed(files | {name: content}))
    assert message.startswith((name, name.removesuffix(".json")))
