from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from service.errors import NoSuchModel
from service.model_store import (
    BENTOML_FILE,
    Champion,
    champion,
    load_scorer,
    set_champion,
)
from service.scoring.bundle import MANIFEST, scorer_from_files, version_of
from service.scoring.errors import BundleInvalid
from service.scoring.schema import example_record
from tests.processes import PROGRAMS, Home, free_port, post
from tests.service.conftest import STORED, loaded, refusal
from training.train import Trained


@contextmanager
def replaced(file: Path, content: bytes) -> Iterator[None]:
    kept = file.read_bytes()
    file.write_bytes(content)
    yield
    file.write_bytes(kept)


def one_byte_changed(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


# Which model


def test_a_use_case_loads_its_champion(store: Path, files: dict[str, bytes]) -> None:
    assert load_scorer(STORED, store).tag == f"{STORED}:{version_of(files)}"


def test_a_tag_loads_that_version_whatever_the_champion_is(
    tmp_path: Path, store: Path, files: dict[str, bytes]
) -> None:
    tag = f"{STORED}:{version_of(files)}"
    assert load_scorer(tag, tmp_path).tag == tag


def test_no_name_loads_the_only_champion(tmp_path: Path, store: Path) -> None:
    set_champion(STORED, champion(STORED, store), tmp_path)
    assert load_scorer(None, tmp_path).contract.use_case == STORED


def test_no_name_with_several_champions_lists_them(tmp_path: Path) -> None:
    for use_case in ("german_credit", "card_default"):
        set_champion(use_case, Champion(f"{use_case}:1", "1", "", ""), tmp_path)
    with pytest.raises(NoSuchModel) as refused:
        load_scorer(None, tmp_path)
    assert str(refused.value).endswith("set AVAL_MODEL to one of: card_default, german_credit")


def test_an_empty_store_says_which_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(NoSuchModel) as refused:
        load_scorer(None, tmp_path)
    assert str(refused.value).endswith(
        "run: aval train USE_CASE && aval promote USE_CASE (see: aval use-cases)"
    )


def test_an_unknown_use_case_says_which_there_are_and_which_command_to_run(store: Path) -> None:
    with pytest.raises(NoSuchModel) as refused:
        load_scorer("boat_loans", store)
    assert "boat_loans has no champion" in str(refused.value)
    assert STORED in str(refused.value)
    assert str(refused.value).endswith("run: aval train boat_loans && aval promote boat_loans")


@pytest.mark.parametrize(
    "tag",
    [
        "loan_approval:0123456789abcdef",
        "loan_approval:latest",
        "loan_approval:",
        ":",
        ":x",
        "../x:y",
        "loan_approval:..",
        "loan_approval:../german_credit",
        "a:b:c",
        "a b:c",
    ],
)
def test_a_tag_that_is_not_there_or_is_none_says_so(store: Path, tag: str) -> None:
    with pytest.raises(NoSuchModel) as refused:
        load_scorer(tag, store)
    assert f"the model store holds no {tag}; run: aval promote" in str(refused.value)


# Damage and forgery


def test_one_changed_byte_in_any_file_is_refused_with_the_files_name(
    store: Path, folder: Path, files: dict[str, bytes]
) -> None:
    assert {MANIFEST, "contract.json", "predictor.json", "policy.json"} < set(files)
    assert any(name.endswith(".npy") for name in files)
    for name, content in files.items():
        for position in (0, len(content) // 2, len(content) - 1):
            with replaced(folder / name, one_byte_changed(content, position)):
                message = refusal(store)
            assert f"was not loaded: {name} " in message
            assert message.endswith("Store it again with: aval promote loan_approval")
    assert loaded(store)


def test_a_file_that_was_cut_short_or_emptied_is_refused(
    store: Path, folder: Path, files: dict[str, bytes]
) -> None:
    for name, content in files.items():
        for rest in (content[:-1], b""):
            with replaced(folder / name, rest):
                assert name in refusal(store)


def test_a_removed_file_is_refused(store: Path, folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).unlink()
        assert MANIFEST in refusal(store)
        (folder / name).write_bytes(content)
    assert loaded(store)


@pytest.mark.parametrize("name", ["extra.json", "model.pkl", "saved_model.pkl", ".hidden"])
def test_an_added_file_is_refused_and_named(store: Path, folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"{}")
    assert name in refusal(store)


def test_two_files_exchanged_are_refused(store: Path, folder: Path, files: dict[str, bytes]) -> None:
    (folder / "policy.json").write_bytes(files["calibrator.json"])
    (folder / "calibrator.json").write_bytes(files["policy.json"])
    assert " was changed" in refusal(store)


def test_files_that_cannot_be_read_are_refused_in_one_line(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(file: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "read_bytes", deny)
    assert "Permission denied" in refusal(store)


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return os.mkdir, (str(self.marker),)


def bombs(marker: Path) -> list[bytes]:
    """Return pickles, bare and in numpy's format, that make the marker when they are loaded."""
    array = io.BytesIO()
    np.save(array, np.array([Bomb(marker)], dtype=object), allow_pickle=True)
    return [pickle.dumps(Bomb(marker), protocol) for protocol in (0, 4)] + [array.getvalue()]


def test_the_bombs_of_the_tests_below_would_go_off(tmp_path: Path) -> None:
    for number, bomb in enumerate(bombs(tmp_path / "marker")):
        if number < 2:
            pickle.loads(bomb)  # noqa: S301  # our own
        else:
            np.load(io.BytesIO(bomb), allow_pickle=True)
        (tmp_path / "marker").rmdir()


def test_a_pickle_in_the_place_of_any_file_is_refused_and_not_loaded(
    store: Path, folder: Path, files: dict[str, bytes], tmp_path: Path
) -> None:
    for name in files:
        for bomb in bombs(tmp_path / "marker"):
            with replaced(folder / name, bomb):
                assert name in refusal(store)
            assert not (tmp_path / "marker").exists()


def test_a_pickle_is_not_loaded_even_where_all_hashes_were_forged_to_fit(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    for name in set(files) - {MANIFEST}:
        for bomb in bombs(tmp_path / "marker"):
            forged = with_new_manifest({**files, name: bomb})
            with pytest.raises(BundleInvalid) as refused:
                scorer_from_files(forged, use_case=STORED, version=version_of(forged))
            assert not (tmp_path / "marker").exists()
            assert name.partition(".")[0] in str(refused.value)


def with_new_manifest(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with a manifest that has their hashes."""
    hashes = {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != MANIFEST
    }
    body = {**json.loads(files[MANIFEST]), "files": hashes}
    return {**files, MANIFEST: json.dumps(body).encode()}


def test_a_forgery_whose_hashes_fit_is_refused_because_it_has_another_version(
    store: Path, folder: Path, files: dict[str, bytes]
) -> None:
    policy = json.loads(files["policy.json"]) | {"refer_from": 1.0, "decline_from": 1.0}
    forged = with_new_manifest({**files, "policy.json": json.dumps(policy).encode()})
    for name in ("policy.json", MANIFEST):
        (folder / name).write_bytes(forged[name])
    message = refusal(store)
    assert f"manifest.json has the version {version_of(forged)}, not {version_of(files)}" in message
    assert scorer_from_files(forged, use_case=STORED, version=version_of(forged)).policy.refer_from == 1.0


def test_a_bundle_of_another_use_case_under_this_name_is_refused(
    store: Path, quick: Callable[..., Trained]
) -> None:
    other = quick("german_credit").files
    place = store / "models" / STORED / version_of(other)
    place.mkdir()
    for name, content in other.items():
        (place / name).write_bytes(content)
    message = refusal(store, f"{STORED}:{version_of(other)}")
    shutil.rmtree(place)
    assert "the bundle is of use case 'german_credit', not of 'loan_approval'" in message


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"a: [", b"name: x", b"\x80\x04\x95", b"!!python/object/apply:os.mkdir [marker]"],
)
def test_bentomls_own_description_has_no_effect_on_loading(
    store: Path, folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / BENTOML_FILE).write_bytes(content)
    assert loaded(store)
    assert not (tmp_path / "marker").exists()


# What `bentoml serve` says


def serve_and_fail(home: Home, **environment: str) -> str:
    """Return what `bentoml serve` printed, after checks that it ended with one line and an error."""
    ended = subprocess.run(
        [PROGRAMS / "bentoml", "serve", "service.app:RiskService", "--port", str(free_port())],
        env=home.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 1
    (line,) = ended.stdout.splitlines()
    assert line.startswith("aval: error: ")
    return line


def test_an_empty_store_serves_nothing_and_says_what_to_run(tmp_path: Path) -> None:
    line = serve_and_fail(Home(tmp_path))
    assert line.endswith(
        "no champion; run: aval train USE_CASE && aval promote USE_CASE (see: aval use-cases)"
    )


def test_several_champions_serve_nothing_and_are_listed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for use_case in ("german_credit", "card_default"):
        set_champion(use_case, Champion(f"{use_case}:1", "1", "", ""), home.bentoml_home)
    assert serve_and_fail(home).endswith("set AVAL_MODEL to one of: card_default, german_credit")


def test_a_changed_bundle_is_not_served_and_its_file_is_named(
    tmp_path: Path, store: Path, files: dict[str, bytes]
) -> None:
    home = Home(tmp_path)
    shutil.copytree(store / "models" / STORED, home.bentoml_home / "models" / STORED)
    set_champion(STORED, champion(STORED, store), home.bentoml_home)
    stored = home.bentoml_home / "models" / STORED / version_of(files) / "policy.json"
    stored.write_bytes(one_byte_changed(files["policy.json"], 5))
    line = serve_and_fail(home)
    assert "policy.json was changed" in line
    assert line.endswith("Store it again with: aval promote loan_approval")


def test_the_served_model_is_the_stored_one(
    served: Callable[[str], str], store: Path, quick: Callable[..., Trained]
) -> None:
    record = example_record(quick(STORED).scorer.contract)
    answer = post(f"{served(STORED)}/predict", record).json()
    scorer = load_scorer(STORED, store)
    assert (answer["model"], answer["probability"]) == (scorer.tag, scorer.score(record).probability)
