from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision_log.entries import Part
from service.decision_log.erasure import Wish
from service.decision_log.scribe import writing
from service.decision_log.segments import Answers
from service.decision_log.segments.erasing import erase_decisions
from service.decision_log.segments.staging import staged
from service.decision_log.segments.verify import verify_segments
from service.decision_log.verify import Verification
from service.places.file_facts import digest_of
from tests.service.decision_log.segment_logs import Kept, keep, make, records
from tests.service.decision_log.written_log import BEGIN, alter, remove

ONE, TWO = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def anywhere(url: str, tmp_path: Path) -> Kept:
    """A log of two segments, once in each kind of database."""
    return keep(url, tmp_path, make(tmp_path, ONE), make(tmp_path, TWO, records(seed=8)))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A log of two segments."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    return keep(url, tmp_path, make(tmp_path, ONE), make(tmp_path, TWO, records(seed=8)))


def verified(kept: Kept) -> Verification:
    """Verify the segments of a log."""
    done = Verification()
    verify_segments(kept.store, done)
    return done


def found_in(kept: Kept) -> list[str]:
    """Verify, and return what was found."""
    return [f"{item.about}: {item.what}" for item in verified(kept).listed]


def test_segments_as_they_were_written_hold(anywhere: Kept) -> None:
    done = verified(anywhere)
    assert done.holds, done.listed
    assert (done.segments, done.segment_rows) == (2, 76)


def test_a_missing_file_is_found_and_named(anywhere: Kept) -> None:
    anywhere.file(ONE).unlink()
    (found,) = found_in(anywhere)
    assert found.startswith(f"{ONE}: small_loans/{ONE}-")
    assert found.endswith(f"is not in {anywhere.place.uri}")


def test_one_altered_byte_is_found(kept: Kept) -> None:
    file = kept.file(ONE)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    (found,) = found_in(kept)
    assert found == f"{ONE}: {file} is not the file that the log has as segment {ONE}"


def test_swapped_files_are_found(kept: Kept, tmp_path: Path) -> None:
    first, second = kept.file(ONE), kept.file(TWO)
    shutil.copy(first, tmp_path / "aside")
    shutil.copy(second, first)
    shutil.copy(tmp_path / "aside", second)
    assert {item.partition(":")[0] for item in found_in(kept)} == {ONE, TWO}


@pytest.mark.parametrize("name", ["small_loans/notes.txt", "other/0123456789abcdef-0123456789abcdef.parquet"])
def test_a_file_that_nobody_registered_is_found_and_named(kept: Kept, name: str) -> None:
    (kept.folder / name).parent.mkdir(exist_ok=True)
    shutil.copy(kept.file(ONE), kept.folder / name)
    (found,) = found_in(kept)
    assert found == f": {kept.place.uri}/{name} is the file of no segment: it was put there"


def test_a_file_with_other_answers_is_found_even_where_the_log_has_its_hash(kept: Kept) -> None:
    file = kept.file(ONE)
    table = pq.read_table(file)
    pq.write_table(table.set_column(1, "probability", pa.array([0.25] * table.num_rows)), file)
    sha256 = digest_of(file)
    (before,) = [item.sha256 for item in kept.segments() if item.id == ONE]
    sql = f"replace(details, '{before}', '{sha256}')"
    alter(kept.url, "entries", {"details": sql}, "about = :about", about=ONE)
    file.rename(kept.folder / "small_loans" / f"{ONE}-{sha256[:16]}.parquet")
    assert found_in(kept) == [f"{ONE}: the answers in its file are not those that were registered"]


@pytest.mark.parametrize("details", ["'{}'", "'no JSON'", """'{"heading": {"id": 5}}'"""])
def test_an_entry_that_cannot_be_read_is_told_and_the_others_are_checked(
    anywhere: Kept, details: str
) -> None:
    alter(anywhere.url, "entries", {"details": details}, "about = :about", about=ONE)
    done = verified(anywhere)
    # Its file is then nobody's.
    assert {item.about for item in done.listed} == {ONE, ""}
    assert done.segments == 1


def test_what_sqlite_lets_stand_in_an_entry_does_not_end_the_check(tmp_path: Path) -> None:
    kept = keep(f"sqlite:///{tmp_path / 'log.db'}", tmp_path, make(tmp_path, ONE), make(tmp_path, TWO))
    for column, value in (("hash", "'text'"), ("details", "CAST(X'ff' AS TEXT)"), ("at", "'noon'")):
        alter(kept.url, "entries", {column: value}, "about = :about", about=ONE)
    assert ONE in {item.about for item in verified(kept).listed}
    assert verified(kept).segments == 1


def test_a_segment_registered_twice_is_told(anywhere: Kept) -> None:
    alter(anywhere.url, "entries", {"about": f"'{ONE}'"}, "about = :about", about=TWO)
    assert f"{ONE}: the segment was registered before" in found_in(anywhere)


def test_a_segment_taken_out_of_the_log_leaves_its_file_behind(kept: Kept) -> None:
    remove(kept.url, "entries", "about = :about", about=TWO)
    assert [item.partition("small_loans")[2][1:17] for item in found_in(kept)] == [TWO]


def test_a_file_that_has_not_come_into_its_place_yet_is_no_alarm(kept: Kept) -> None:
    file = kept.file(ONE)
    waiting = kept.folder / staged(file.relative_to(kept.folder).as_posix())
    waiting.parent.mkdir(parents=True, exist_ok=True)
    file.rename(waiting)
    assert found_in(kept) == []


def test_a_file_that_waits_for_its_entry_is_no_alarm(kept: Kept, tmp_path: Path) -> None:
    made = make(tmp_path, "00000000000000aa")
    kept.place.put(staged(made.facts.file), made.path)
    assert found_in(kept) == []


def test_an_erasure_at_the_same_time_is_no_alarm(anywhere: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    erase = _erasing(anywhere, f"{ONE}-1")
    _meanwhile(monkeypatch, anywhere, erase)
    done = verified(anywhere)
    assert done.holds, done.listed
    assert anywhere.segments()[0].superseded


def test_what_an_erasure_should_have_removed_is_found(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decision_log.segments.verify.PATIENCE", 0.3)
    old = kept.file(ONE)
    shutil.copy(old, tmp_path / "old")
    _erasing(kept, f"{ONE}-1")()
    shutil.copy(tmp_path / "old", old)
    (found,) = found_in(kept)
    assert found.startswith(f"{ONE}: {old} still holds what was erased; run aval log erase")


def test_the_file_from_before_an_erasure_is_not_taken_for_the_one_after_it(
    kept: Kept, tmp_path: Path
) -> None:
    shutil.copy(kept.file(ONE), tmp_path / "old")
    _erasing(kept, f"{ONE}-1")()
    shutil.copy(tmp_path / "old", kept.file(ONE))
    (found,) = found_in(kept)
    assert "is not the file that the log has as segment" in found


def test_the_digest_of_no_answers_is_that_of_nothing() -> None:
    assert Answers().hexdigest().startswith("e3b0c44298fc1c14")


def _erasing(kept: Kept, *abouts: str) -> Callable[[], None]:
    def erase() -> None:
        with writing(kept.url, "tests", BEGIN) as scribe:
            erase_decisions(kept.store, scribe, Wish(abouts, tuple(Part), "asked", "tests", BEGIN))

    return erase


def _meanwhile(monkeypatch: pytest.MonkeyPatch, kept: Kept, act: Callable[[], None]) -> None:
    """Act between a look at the log and the look at a file."""
    place = type(kept.place)
    find, acted = place.find, list[int]()

    def acting(self: Any, name: str) -> Any:
        if not acted:
            acted.append(1)
            act()
        return find(self, name)

    monkeypatch.setattr(place, "find", acting)
