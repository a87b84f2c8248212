from __future__ import annotations

import shutil
import threading
from pathlib import Path

import bentoml
import pytest

from service.errors import ModelRefused
from service.model_store import (
    BENTOML_FILE,
    Champion,
    champion,
    champions,
    read_folder,
    save_bundle,
    set_champion,
)
from service.scoring.bundle import MANIFEST, RUN, version_of
from service.scoring.errors import BundleInvalid
from tests.service.conftest import LABELS, STORED, loaded, refusal

# Saving


def test_saving_a_bundle_again_changes_nothing(store: Path, folder: Path, files: dict[str, bytes]) -> None:
    def stamps() -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.iterdir()}

    before = stamps()
    assert save_bundle(files, STORED, LABELS) == f"{STORED}:{version_of(files)}"
    assert save_bundle({**files, RUN: b'{"seconds": 7}'}, STORED, {}) == f"{STORED}:{version_of(files)}"
    assert stamps() == before


def test_saving_repairs_a_copy_that_lacks_any_file(
    store: Path, folder: Path, files: dict[str, bytes]
) -> None:
    for name in [*files, BENTOML_FILE]:
        (folder / name).unlink()
        save_bundle(files, STORED, LABELS)
        assert read_folder(folder) == files
        assert loaded(store)
        assert bentoml.models.get(f"{STORED}:{version_of(files)}").info.labels == LABELS


def test_saving_repairs_a_copy_that_was_changed(store: Path, folder: Path, files: dict[str, bytes]) -> None:
    (folder / "policy.json").write_bytes(b"{}")
    (folder / "extra.json").write_bytes(b"{}")
    save_bundle(files, STORED, LABELS)
    assert read_folder(folder) == files


def test_saving_repairs_a_folder_that_a_crash_left_empty(
    store: Path, folder: Path, files: dict[str, bytes]
) -> None:
    shutil.rmtree(folder)
    folder.mkdir()
    save_bundle(files, STORED, LABELS)
    assert loaded(store)


@pytest.mark.parametrize("content", [b"", b"[]", b"a: [", b"name: x\n", b"\xff"])
def test_saving_repairs_bentomls_own_description(
    store: Path, folder: Path, files: dict[str, bytes], content: bytes
) -> None:
    (folder / BENTOML_FILE).write_bytes(content)
    save_bundle(files, STORED, LABELS)
    assert bentoml.models.get(f"{STORED}:{version_of(files)}").info.labels == LABELS


def test_saving_refuses_what_is_no_bundle_of_the_use_case(store: Path, files: dict[str, bytes]) -> None:
    wrong = [
        ({**files, "policy.json": b"{}"}, STORED, "policy.json was changed"),
        ({**files, "extra.json": b"{}"}, STORED, "extra.json"),
        ({name: files[name] for name in files if name != MANIFEST}, STORED, "manifest.json is missing"),
        (files, "german_credit", "of use case 'loan_approval', not of 'german_credit'"),
    ]
    for bundle, use_case, message in wrong:
        with pytest.raises(BundleInvalid) as refused:
            save_bundle(bundle, use_case, LABELS)
        assert message in str(refused.value)
    assert not (store / "models" / "german_credit" / version_of(files)).exists()


def test_run_facts_are_stored_outside_the_hash(store: Path, folder: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(folder)
    save_bundle({**files, RUN: b'{"seconds": 7}'}, STORED, LABELS)
    assert (folder / RUN).read_bytes() == b'{"seconds": 7}'
    (folder / RUN).write_bytes(b"anything")
    assert loaded(store)


# The champion's pointer


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"{}", "is damaged"),
        (b"[]", "is damaged"),
        (b"null", "is damaged"),
        (b"\xff", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b'{"model": "loan_approval:1"}', "is damaged"),
        (
            b'{"model": 5, "registry_version": "1", "promoted_at": "", "promoted_by": ""}',
            "is damaged (model is 5, which is not text)",
        ),
        (
            b'{"model": "german_credit:1", "registry_version": "1", "promoted_at": "", "promoted_by": ""}',
            "names 'german_credit:1', which is no model of loan_approval",
        ),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_damaged_pointer_is_refused_with_its_file_and_what_to_do(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "champions" / "loan_approval.json"
    file.parent.mkdir()
    file.write_bytes(content)
    for name in (STORED, None):
        message = refusal(tmp_path, name)
        assert message.startswith(str(file))
        assert said in message
        assert message.endswith("run: aval promote loan_approval")


def test_a_damaged_pointer_of_one_use_case_does_not_stop_another(tmp_path: Path, store: Path) -> None:
    set_champion(STORED, champion(STORED, store), tmp_path)
    (tmp_path / "champions" / "german_credit.json").write_text("{")
    assert loaded(tmp_path)
    with pytest.raises(ModelRefused) as refused:
        champions(tmp_path)
    assert "german_credit.json is damaged" in str(refused.value)


def test_setting_a_champion_again_repairs_its_pointer(tmp_path: Path, store: Path) -> None:
    file = tmp_path / "champions" / "loan_approval.json"
    file.parent.mkdir()
    file.write_text("{")
    set_champion(STORED, champion(STORED, store), tmp_path)
    assert champion(STORED, tmp_path) == champion(STORED, store)


def test_champions_are_listed_by_name_and_a_half_written_one_is_not_among_them(tmp_path: Path) -> None:
    for use_case in ("b", "a"):
        set_champion(use_case, Champion(f"{use_case}:1", "1", "", ""), tmp_path)
    (tmp_path / "champions" / ".c.4711").write_text("{")
    assert list(champions(tmp_path)) == ["a", "b"]


def test_a_reader_never_sees_a_broken_or_missing_pointer_while_champions_change(tmp_path: Path) -> None:
    pointers = [Champion(f"a:{number}", str(number), "x" * 5000, "") for number in range(2)]
    set_champion("a", pointers[0], tmp_path)
    seen: list[Champion] = []
    wrong: list[Exception] = []
    finished = threading.Event()

    def read() -> None:
        while not finished.is_set():
            try:
                seen.append(champion("a", tmp_path))
            except Exception as error:
                wrong.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(1, 201):
        set_champion("a", pointers[turn % 2], tmp_path)
    finished.set()
    reader.join()
    assert wrong == []
    assert len(seen) > 50
    assert {pointer.model for pointer in seen} == {"a:0", "a:1"}
    assert all(pointer in pointers for pointer in seen)
    assert {path.name for path in (tmp_path / "champions").iterdir()} == {"a.json", "a.history.jsonl"}
