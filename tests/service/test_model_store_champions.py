from __future__ import annotations

import json
import multiprocessing
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import ModelRefused, NoSuchModel
from service.model_store import (
    CHAMPIONS,
    Action,
    Champion,
    Earlier,
    Override,
    champion,
    changing,
    history,
    load_scorer,
    put_beside,
    read_beside,
    read_card,
    read_folder,
    save_bundle,
    set_champion,
)
from service.scoring.bundle import CARD, CARD_TEXT, PROMOTION, version_of
from tests.service.conftest import STORED

FIRST = Champion(
    f"{STORED}:1",
    "1",
    "2026-11-21T00:00:00+00:00",
    "ada",
    policy="strict-0a1b2c3d",
    why="cheaper by a tenth",
    override=Override("grace", "the cost gate compares with an old price list"),
    gates_sha256="ab" * 32,
    previous=Earlier(f"{STORED}:0", "7", None, 1),
    action=Action.PROMOTE,
    change=2,
)


def pointer_file(home: Path) -> Path:
    return home / CHAMPIONS / f"{STORED}.json"


def history_file(home: Path) -> Path:
    return home / CHAMPIONS / f"{STORED}.history.jsonl"


# What a pointer says


def test_a_champion_is_read_as_it_was_written(tmp_path: Path) -> None:
    set_champion(STORED, FIRST, tmp_path)
    assert champion(STORED, tmp_path) == FIRST


def test_a_pointer_from_before_policies_and_numbers_is_still_read(tmp_path: Path) -> None:
    pointer_file(tmp_path).parent.mkdir()
    pointer_file(tmp_path).write_text(
        json.dumps(
            {
                "model": f"{STORED}:1",
                "registry_version": "1",
                "promoted_at": "2026-11-20",
                "promoted_by": "ada",
            }
        )
    )
    found = champion(STORED, tmp_path)
    assert (found.policy, found.why, found.override, found.previous, found.change) == (
        None,
        "",
        None,
        None,
        0,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"policy": 5},
        {"why": None},
        {"override": "grace"},
        {"override": {"by": "grace"}},
        {"previous": ["a"]},
        {"previous": {"model": 5, "registry_version": "1"}},
        {"previous": {"model": "german_credit:1", "registry_version": "1"}},
        {"change": -1},
        {"change": True},
        {"change": "2"},
        {"action": "steal"},
        {"surprise": 1},
    ],
    ids=str,
)
def test_a_pointer_with_a_field_that_cannot_be_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    pointer_file(tmp_path).parent.mkdir()
    pointer_file(tmp_path).write_text(json.dumps({**FIRST.to_json(), **wrong}))
    with pytest.raises(ModelRefused) as refused:
        champion(STORED, tmp_path)
    assert str(refused.value).endswith(f"run: aval promote {STORED}")


# The history


def test_the_history_has_every_champion_in_order_with_who_when_and_why(tmp_path: Path) -> None:
    changes = [replace(FIRST, change=number, why=f"reason {number}") for number in (1, 2, 3)]
    for pointer in changes:
        set_champion(STORED, pointer, tmp_path)
    assert history(STORED, tmp_path) == changes


def test_a_champion_written_down_again_stands_in_the_history_once_as_it_is_now(tmp_path: Path) -> None:
    set_champion(STORED, FIRST, tmp_path)
    later = replace(FIRST, gates_sha256="cd" * 32)
    set_champion(STORED, later, tmp_path)
    assert history(STORED, tmp_path) == [later]


def test_a_champion_that_a_crash_kept_from_the_history_is_in_it_all_the_same(tmp_path: Path) -> None:
    set_champion(STORED, FIRST, tmp_path)
    history_file(tmp_path).unlink()
    assert history(STORED, tmp_path) == [FIRST]
    second = replace(FIRST, change=3)
    set_champion(STORED, second, tmp_path)
    assert len(history_file(tmp_path).read_text().splitlines()) == 2
    assert history(STORED, tmp_path) == [FIRST, second]


def test_a_line_that_a_crash_cut_short_harms_neither_the_lines_before_nor_the_next(tmp_path: Path) -> None:
    set_champion(STORED, FIRST, tmp_path)
    with history_file(tmp_path).open("ab") as file:
        file.write(b'{"model": "loan_app\xff')
    second = replace(FIRST, change=3)
    set_champion(STORED, second, tmp_path)
    assert history(STORED, tmp_path) == [FIRST, second]
    assert json.loads(history_file(tmp_path).read_text(errors="replace").splitlines()[-1])["change"] == 3


def test_no_champion_has_no_history(tmp_path: Path) -> None:
    assert history(STORED, tmp_path) == []


# One change at a time


def add_one(home: Path, times: int) -> None:
    for _ in range(times):
        with changing("a", home):
            number = int((home / "number").read_text())
            (home / "number").write_text(str(number + 1))


def test_changes_of_several_processes_come_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    fork = multiprocessing.get_context("spawn")
    processes = [fork.Process(target=add_one, args=(tmp_path, 200)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "number").read_text() == "600"


def test_scratch_files_of_processes_that_died_are_removed_by_the_next_change(tmp_path: Path) -> None:
    set_champion(STORED, FIRST, tmp_path)
    for name in (f".{STORED}.4711", f".{STORED}.4711.promotion.json"):
        (tmp_path / CHAMPIONS / name).write_text("{")
    with changing(STORED, tmp_path):
        pass
    left = {path.name for path in (tmp_path / CHAMPIONS).iterdir()}
    assert left == {f"{STORED}.json", f"{STORED}.history.jsonl", f".{STORED}.lock"}


# What stands beside a bundle


@pytest.fixture
def tag(store: Path, folder: Path, files: dict[str, bytes]) -> str:
    return f"{STORED}:{version_of(files)}"


def test_a_promotion_record_and_a_card_stand_beside_the_bundle_and_leave_it_valid(
    store: Path, tag: str
) -> None:
    put_beside(tag, {PROMOTION: b"{}", CARD: b"<html>", CARD_TEXT: b"# Card"}, store)
    assert read_beside(tag) == {PROMOTION: b"{}", CARD: b"<html>", CARD_TEXT: b"# Card"}
    assert load_scorer(tag, store).tag == tag
    assert read_card(STORED, store) == read_card(tag, store) == b"<html>"


def test_a_bundle_without_a_card_has_none(store: Path, tag: str) -> None:
    assert read_card(STORED, store) is None


def test_a_use_case_without_champion_has_no_card_and_says_what_to_run(store: Path) -> None:
    with pytest.raises(NoSuchModel) as refused:
        read_card("boat_loans", store)
    assert str(refused.value).endswith("aval promote boat_loans")


def test_nothing_that_the_hash_covers_can_be_written_beside_a_bundle(store: Path, tag: str) -> None:
    with pytest.raises(ValueError, match=r"policy\.json is not one of: model_card\.html"):
        put_beside(tag, {"policy.json": b"{}"}, store)


def test_saving_a_bundle_again_keeps_what_stands_beside_it_also_when_it_is_repaired(
    store: Path, tag: str, folder: Path, files: dict[str, bytes]
) -> None:
    put_beside(tag, {PROMOTION: b"{}", CARD: b"<html>"}, store)
    save_bundle(files, STORED, {})
    assert set(read_beside(tag)) == {PROMOTION, CARD}
    (folder / "policy.json").write_bytes(b"{}")
    save_bundle(files, STORED, {})
    assert read_folder(folder) == {**files, PROMOTION: b"{}", CARD: b"<html>"}
    assert load_scorer(tag, store).tag == tag


def test_a_card_of_a_model_that_is_not_stored_is_none(store: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "models", ignore_errors=True)
    assert read_card(f"{STORED}:0123456789abcdef", tmp_path) is None
