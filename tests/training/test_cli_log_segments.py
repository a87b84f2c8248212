from __future__ import annotations

from pathlib import Path

import pytest

from service.decision_log.segments.staging import staged
from tests.service.decision_log.segment_logs import Kept, keep, make
from tests.service.decision_log.written_log import decision, verified, write
from tests.training.log_commands import aval, use_log

ONE = "0123456789abcdef"
BECAUSE = ("--because", "the customer asked for it", "--by", "m.rojas")
SCORED = 38


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """A log of five decisions and of a segment, which the commands look at."""
    url = use_log(monkeypatch, tmp_path)
    write(url, map(decision, range(5)))
    return keep(url, tmp_path, make(tmp_path, ONE))


def test_verify_counts_segments(kept: Kept) -> None:
    done = aval("log", "verify")
    assert done.code == 0
    assert "0 anchors, 1 segments of 38 batch decisions; " in done.out
    body = aval("log", "verify", "--json").body
    assert (body["segments"], body["segment_rows"]) == (1, SCORED)


def test_verify_names_a_segment_that_is_not_what_was_written_and_ends_with_1(kept: Kept) -> None:
    kept.file(ONE).write_bytes(b"")
    done = aval("log", "verify")
    assert done.code == 1
    assert f"about {ONE}: {kept.folder}/small_loans/{ONE}-" in done.out


def test_verify_names_a_file_that_nobody_registered(kept: Kept) -> None:
    (kept.folder / "stray.parquet").write_bytes(b"")
    done = aval("log", "verify")
    assert done.code == 1
    assert "stray.parquet is the file of no segment: it was put there" in done.out


def test_show_has_a_batch_decision_with_its_record(kept: Kept) -> None:
    body = aval("log", "show", f"{ONE}-1", "--json").body
    assert body["decision"]["personal"]["case"] == "c0"
    assert set(body["decision"]["inputs"]) >= {"income", "age"}
    assert body["decision"]["about"] == f"{ONE}-1"
    assert f"about: {ONE}-1" in aval("log", "show", f"{ONE}-1").out


def test_show_of_a_segment_leaves_out_what_is_for_no_eye(kept: Kept) -> None:
    body = aval("log", "show", ONE, "--json").body
    assert body["decision"]["details"]["rows"] == SCORED
    assert "by_row" not in body["decision"]["details"]


def test_show_of_a_refused_row_is_wrong_use(kept: Kept) -> None:
    done = aval("log", "show", f"{ONE}-4")
    assert (done.code, done.said) == (2, f"the decision log has no entry about '{ONE}-4'")


@pytest.mark.parametrize("whose", [("--subject", '{"case": "c4"}'), ("--about", f"{ONE}-5")])
def test_erase_reaches_batch_decisions(kept: Kept, whose: tuple[str, str]) -> None:
    done = aval("log", "erase", *whose, *BECAUSE, "--json")
    assert (done.code, done.body["ids"], done.body["parts"]) == (0, 1, 2)
    shown = aval("log", "show", f"{ONE}-5", "--json").body
    assert shown["decision"]["erased"] == ["inputs", "personal"]
    assert [item["details"]["because"] for item in shown["others"]] == ["the customer asked for it"]
    assert aval("log", "verify").code == 0
    assert aval("log", "erase", *whose, *BECAUSE).code == 3


def test_erase_finds_a_person_online_and_in_batch(kept: Kept) -> None:
    write(
        kept.url, [decision(9, record=decision(9).record.__class__({"a": 1}, {"case": "c4"}, {"case": "c4"}))]
    )
    done = aval("log", "erase", "--subject", '{"case": "c4"}', *BECAUSE, "--json")
    assert (done.body["ids"], done.body["parts"]) == (2, 4)


def test_erase_of_another_use_case_leaves_batch_decisions(kept: Kept) -> None:
    done = aval("log", "erase", "--subject", '{"case": "c4"}', "--use-case", "other", *BECAUSE)
    assert done.code == 3


def test_retain_reaches_batch_decisions(kept: Kept) -> None:
    ages = ("--personal-days", "0", "--inputs-days", "36500")
    counted = f"0 inputs, {5 + SCORED} personal"
    assert aval("log", "retain", *ages, "--dry-run").out == f"{counted} would be erased\n"
    assert aval("log", "retain", *ages).out == f"{counted} erased\n"
    assert aval("log", "show", f"{ONE}-1", "--json").body["decision"]["erased"] == ["personal"]
    assert verified(kept.url).holds
    assert aval("log", "verify").code == 0
    assert aval("log", "retain", *ages).code == 3


def test_files_of_a_run_that_is_not_done_are_spoken_of(kept: Kept, tmp_path: Path) -> None:
    made = make(tmp_path, "00000000000000aa")
    kept.place.put(staged(made.facts.file), made.path)
    said = aval("log", "erase", "--about", f"{ONE}-1", *BECAUSE).said
    assert f"these files in {kept.place.uri} are of batch runs that are not done" in said
    assert staged(made.facts.file) in said


def test_a_log_without_batch_runs_gets_no_folder_of_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(use_log(monkeypatch, tmp_path), [decision(1)])
    for command in (("verify",), ("erase", "--about", "d1", *BECAUSE), ("retain", "--inputs-days", "0")):
        aval("log", *command)
    assert not (tmp_path / "segments").exists()
