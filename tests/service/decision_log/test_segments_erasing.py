from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision_log import Kind
from service.decision_log.entries import Part
from service.decision_log.erasure import Erased, Wish
from service.decision_log.reading import Selection, entries, reading
from service.decision_log.retention import Retention
from service.decision_log.scribe import writing
from service.decision_log.segments.erasing import (
    LOCK,
    due_segments,
    erase_decisions,
    finish,
    retain_segments,
)
from service.decision_log.segments.registering import Publication, publish
from service.decision_log.segments.staging import staged
from service.decision_log.segments.store import SegmentDamaged
from service.decision_log.segments.subjects import find_batch_abouts
from service.decision_log.segments.verify import verify_segments
from service.decision_log.verify import Verification
from service.places import Busy
from tests.service.decision_log.segment_logs import ROWS, Kept, dictionaries, keep, make, records
from tests.service.decision_log.written_log import BEGIN, MINUTE
from tests.service.decision_log.written_log import verified as chains

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
BOTH = tuple(Part)
SCORED = 38


@pytest.fixture
def anywhere(url: str, tmp_path: Path) -> Kept:
    """A log of two segments, the second an hour after the first, once in each kind of database."""
    keep(url, tmp_path, make(tmp_path, ONE))
    return keep(url, tmp_path, make(tmp_path, TWO, records(seed=8)), at=BEGIN + 60 * MINUTE)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """The same in SQLite alone, where it is of files and not of databases."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    keep(url, tmp_path, make(tmp_path, ONE))
    return keep(url, tmp_path, make(tmp_path, TWO, records(seed=8)), at=BEGIN + 60 * MINUTE)


def erase(kept: Kept, *abouts: str, parts: Sequence[Part] = BOTH) -> Erased:
    """Erase decisions' records."""
    with writing(kept.url, "tests", BEGIN) as scribe:
        wish = Wish(abouts, tuple(parts), "the customer asked for it", "m.rojas", BEGIN + 99 * MINUTE)
        return erase_decisions(kept.store, scribe, wish)


def retain(kept: Kept, **before: int) -> dict[str, int]:
    """Erase what is older than so many minutes after the beginning."""
    retention = Retention({Part(name): BEGIN + m * MINUTE for name, m in before.items()}, "cron", BEGIN)
    with writing(kept.url, "tests", BEGIN) as scribe:
        return retain_segments(kept.store, scribe, retention)


def rows_of(kept: Kept, segment: str) -> dict[int, dict[str, Any]]:
    """The rows of a segment's file, by their numbers."""
    return {row["row"]: row for row in pq.read_table(kept.file(segment)).to_pylist()}


def expect_held(kept: Kept) -> None:
    """Expect nothing wrong with chains and files, and no file that should not be there."""
    done = Verification()
    verify_segments(kept.store, done)
    assert done.holds, done.listed
    assert chains(kept.url).holds
    assert kept.files() == sorted(item.name for item in kept.segments())


def test_an_erasure_takes_the_values_of_a_row_and_leaves_all_answers(kept: Kept) -> None:
    before = rows_of(kept, ONE)
    assert erase(kept, f"{ONE}-2", f"{ONE}-40") == Erased(abouts=2, parts=4)
    after = rows_of(kept, ONE)
    for number, row in after.items():
        gone = number in (2, 40)
        expected = {
            name: None if gone and name.startswith(("inputs.", "personal.")) else value
            for name, value in before[number].items()
        }
        assert row == expected
    expect_held(kept)


def test_an_erasure_says_what_why_and_who_and_which_file_counts_now(anywhere: Kept) -> None:
    (before, _) = anywhere.segments()
    erase(anywhere, f"{ONE}-2", parts=(Part.PERSONAL,))
    (after, _) = anywhere.segments()
    with reading(anywhere.url) as connection:
        (said,) = entries(connection, Selection((Kind.ERASURE,)))
    assert (said.row.about, said.row.use_case) == (ONE, "small_loans")
    assert said.details == {
        "parts": ["personal"],
        "rows": [2],
        "because": "the customer asked for it",
        "by": "m.rojas",
        "replaces": before.sha256,
        "sha256": after.sha256,
    }
    assert (after.erased, after.superseded) == ({Part.PERSONAL: frozenset({2})}, (before.sha256,))


def test_the_file_itself_says_what_was_erased(kept: Kept) -> None:
    erase(kept, f"{ONE}-5", f"{ONE}-2", parts=(Part.PERSONAL,))
    body = json.loads(pq.read_metadata(kept.file(ONE)).metadata[b"aval.segment"])
    assert body["erased"] == {"personal": [2, 5]}
    assert body["rows"] == SCORED


def test_what_was_erased_is_in_no_file_any_more(kept: Kept, tmp_path: Path) -> None:
    secret = "Maria Rojas Quispe"
    names = pa.array([secret if place == 4 else f"c{place}" for place in range(ROWS)])
    table = records().set_column(0, "case", names.dictionary_encode())
    three = "00000000000000aa"
    kept = keep(kept.url, tmp_path, make(tmp_path / "more", three, table))
    assert [kept.file(three)] == _files_with(secret, tmp_path)
    assert erase(kept, f"{three}-5") == Erased(1, 2)
    assert _files_with(secret, tmp_path) == []


def test_one_part_after_the_other_is_erased(anywhere: Kept) -> None:
    assert erase(anywhere, f"{ONE}-2", parts=(Part.INPUTS,)).parts == 1
    assert erase(anywhere, f"{ONE}-2", f"{ONE}-5").parts == 3
    (segment, _) = anywhere.segments()
    assert segment.erased == dict.fromkeys(Part, frozenset({2, 5}))
    assert len(segment.superseded) == 2
    expect_held(anywhere)


@pytest.mark.parametrize(
    "about", [f"{ONE}-4", f"{ONE}-0", f"{ONE}-41", f"{ONE}-1000000", "d1", f"{'0' * 16}-1"]
)
def test_what_is_no_decision_is_nothing_to_erase(kept: Kept, about: str) -> None:
    before = kept.files()
    assert erase(kept, about) == Erased()
    assert kept.files() == before


def test_an_erasure_done_before_does_nothing(kept: Kept) -> None:
    erase(kept, f"{ONE}-2")
    before = kept.files()
    assert erase(kept, f"{ONE}-2") == Erased()
    assert kept.files() == before


def test_decisions_of_several_segments_are_erased_together(anywhere: Kept) -> None:
    assert erase(anywhere, f"{ONE}-2", f"{TWO}-2", f"{TWO}-3") == Erased(abouts=3, parts=6)
    expect_held(anywhere)


def test_retention_takes_whole_parts_of_segments_that_are_old_enough(anywhere: Kept) -> None:
    assert retain(anywhere, inputs=1, personal=61) == {"inputs": SCORED, "personal": 2 * SCORED}
    first, second = (pq.read_schema(anywhere.file(segment)).names for segment in (ONE, TWO))
    assert first == ["row", "probability", "decision"]
    assert not any(name.startswith("personal.") for name in second)
    assert "inputs.income" in second
    expect_held(anywhere)


def test_retention_done_before_finds_nothing_due(kept: Kept) -> None:
    retain(kept, personal=61)
    assert retain(kept, personal=61) == {"personal": 0}
    assert due(kept, personal=61) == {"personal": 0}


def test_what_is_due_is_counted_without_what_was_erased_before(kept: Kept) -> None:
    erase(kept, f"{ONE}-2", f"{ONE}-5", parts=(Part.PERSONAL,))
    assert due(kept, personal=1, inputs=0) == {"personal": SCORED - 2, "inputs": 0}
    assert retain(kept, personal=1) == {"personal": SCORED - 2}
    expect_held(kept)


def test_a_row_can_be_erased_from_where_a_whole_part_is_gone(kept: Kept) -> None:
    retain(kept, personal=1)
    assert erase(kept, f"{ONE}-2") == Erased(abouts=1, parts=1)
    (segment, _) = kept.segments()
    assert segment.erased == {Part.PERSONAL: None, Part.INPUTS: frozenset({2})}
    expect_held(kept)


def test_an_altered_file_is_not_made_good_by_erasing_from_it(kept: Kept) -> None:
    file = kept.file(ONE)
    pq.write_table(pq.read_table(file), file)
    with pytest.raises(SegmentDamaged) as damaged:
        erase(kept, f"{ONE}-2")
    assert str(damaged.value) == f"{file} is not the file that the log has as segment {ONE}"
    assert kept.segments()[0].superseded == ()


@pytest.mark.parametrize("step", ["put", "move", "remove"])
@pytest.mark.parametrize("before", [True, False])
def test_an_erasure_broken_off_leaves_no_alarm_and_is_finished_by_the_next(
    kept: Kept, step: str, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decision_log.segments.verify.PATIENCE", 0.1)
    place = type(kept.place)
    with monkeypatch.context() as broken:
        broken.setattr(place, step, _breaking(getattr(place, step), before))
        with pytest.raises(KeyboardInterrupt):
            erase(kept, f"{ONE}-2")
    done = Verification()
    verify_segments(kept.store, done)
    assert {item.what.partition(" still ")[2] for item in done.listed} <= {
        "holds what was erased; run aval log erase or retain again, which finishes it"
    }
    erase(kept, f"{ONE}-2")
    assert rows_of(kept, ONE)[2]["personal.case"] is None
    expect_held(kept)


def test_an_erasure_broken_off_is_finished_whatever_is_erased_next(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(type(kept.place), "remove", _breaking(type(kept.place).remove, True))
        with pytest.raises(KeyboardInterrupt):
            erase(kept, f"{ONE}-2")
    assert len(kept.files()) == 3
    assert finish(kept.store) == []
    expect_held(kept)


def test_a_run_published_again_brings_nothing_back(kept: Kept, tmp_path: Path) -> None:
    erase(kept, f"{ONE}-2")
    before = kept.files()

    def opened() -> NoReturn:
        raise AssertionError("its file is not asked for")

    facts = make(tmp_path / "again", ONE).facts
    assert publish(kept.url, kept.place, [Publication(facts, opened)], BEGIN) == 0
    assert kept.files() == before


def test_a_run_that_is_not_done_is_told_because_nothing_is_erased_from_it(kept: Kept, tmp_path: Path) -> None:
    made = make(tmp_path, "00000000000000aa")
    kept.place.put(staged(made.facts.file), made.path)
    assert finish(kept.store) == [staged(made.facts.file)]


def test_a_place_that_is_not_there_yet_has_nothing_to_finish_and_is_not_made(tmp_path: Path) -> None:
    kept = keep(f"sqlite:///{tmp_path / 'log.db'}", tmp_path)
    assert finish(kept.store) == []
    assert not kept.folder.exists()


def test_a_second_erasure_at_the_same_time_is_refused(kept: Kept) -> None:
    context = multiprocessing.get_context("spawn")
    with kept.place.held(LOCK), context.Pool(1) as pool:
        said = pool.apply(_erase_elsewhere, (kept,))
    assert said.startswith("Busy")
    assert erase(kept, f"{ONE}-2").abouts == 1


def _erase_elsewhere(kept: Kept) -> str:
    try:
        erase(kept, f"{ONE}-2")
    except Busy as busy:
        return f"Busy: {busy}"
    return "erased"


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"case": "c4"}, {f"{ONE}-5", f"{TWO}-5"}),
        ({"case": "c4", "contract": "7000000004"}, {f"{ONE}-5", f"{TWO}-5"}),
        ({"contract": "7000000004"}, {f"{ONE}-5", f"{TWO}-5"}),
        ({"case": "c4", "contract": "7000000005"}, set()),
        ({"case": "c3"}, set()),
        ({"nobody": "c4"}, set()),
        ({}, set()),
    ],
)
def test_a_person_is_found_by_ids(kept: Kept, ids: dict[str, str], expected: set[str]) -> None:
    (found,) = find_batch_abouts(kept.store, [ids])
    assert found == expected


@pytest.mark.parametrize(
    "column",
    [
        pa.array([7_000_000_000.0 + n for n in range(ROWS)]),
        pa.array([f"{7_000_000_000 + n}.0" for n in range(ROWS)]),
        pa.array([str(7_000_000_000 + n) for n in range(ROWS)], pa.large_string()),
        pa.array([7_000_000_000 + n for n in range(ROWS)]).cast(pa.decimal128(20, 0)),
    ],
    ids=["float", "text with a point", "text", "decimal"],
)
def test_a_number_is_the_same_id_whatever_it_was_written_as(
    kept: Kept, tmp_path: Path, column: pa.Array
) -> None:
    table = records().set_column(1, "contract", column)
    keep(kept.url, tmp_path, make(tmp_path / "more", "00000000000000aa", table))
    wanted = [{"contract": "7000000004"}, {"contract": "7000000005"}]
    found = find_batch_abouts(kept.store, wanted)
    assert [{about for about in some if about.startswith("00")} for some in found] == [
        {"00000000000000aa-5"},
        {"00000000000000aa-6"},
    ]


def test_a_person_who_was_erased_is_found_no_more(kept: Kept) -> None:
    erase(kept, f"{ONE}-5")
    (found,) = find_batch_abouts(kept.store, [{"case": "c4"}])
    assert found == {f"{TWO}-5"}
    retain(kept, personal=61)
    assert find_batch_abouts(kept.store, [{"case": "c4"}]) == [set()]


def due(kept: Kept, **before: int) -> dict[str, int]:
    """What is older than so many minutes after the beginning."""
    retention = Retention({Part(name): BEGIN + m * MINUTE for name, m in before.items()}, "cron", BEGIN)
    with reading(kept.url) as connection:
        return due_segments(connection, retention)


def _files_with(secret: str, folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*.parquet") if path.parent.name != "more"]
    return [path for path in found if any(secret in texts for texts in dictionaries(path).values())]


def _breaking(method: Callable[..., Any], before: bool) -> Callable[..., Any]:
    def broken(*given: Any) -> Any:
        if not before:
            method(*given)
        raise KeyboardInterrupt

    return broken
