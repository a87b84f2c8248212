from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decision_log import LogDown, LogRefused
from service.decision_log.segments import SegmentFacts
from service.decision_log.segments.by_row import NONE, code_at, pack, unpack
from service.decision_log.segments.registering import publish
from service.decision_log.segments.table import records as records_of
from service.scoring.policy import DECISIONS
from tests.service.decision_log.segment_logs import REFUSED, ROWS, SCORER, dictionaries, keep, make, records
from tests.service.decision_log.written_log import BEGIN, alter, verified

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
SCORED = [place for place in range(ROWS) if place not in REFUSED]


def test_a_segment_has_the_scored_rows_with_their_answers_and_records(tmp_path: Path) -> None:
    given_ = records()
    table = pq.read_table(make(tmp_path, table=given_).path)
    scored = SCORER.score_table(given_)
    assert table.column("row").to_pylist() == [place + 1 for place in SCORED]
    assert table.column("probability").to_pylist() == scored.probabilities[SCORED].tolist()
    assert table.column("decision").to_pylist() == [str(DECISIONS[c]) for c in scored.decisions[SCORED]]
    assert set(records_of(table).column_names) == set(given_.column_names)
    for name in given_.column_names:
        assert records_of(table).column(name).to_pylist() == given_.take(SCORED).column(name).to_pylist()


def test_ids_times_and_protected_columns_are_the_personal_part(tmp_path: Path) -> None:
    names = pq.read_schema(make(tmp_path).path).names
    assert [name for name in names if name.startswith("personal.")] == [
        "personal.case",
        "personal.contract",
        "personal.asked at",
        "personal.sex",
    ]
    assert sum(name.startswith("inputs.") for name in names) == 7


def test_a_segment_says_of_itself_what_it_is(tmp_path: Path) -> None:
    made = make(tmp_path, first_row=101)
    body = json.loads(pq.read_metadata(made.path).metadata[b"aval.segment"])
    assert body == {**asdict(made.facts.heading), "rows": len(SCORED), "erased": {}}
    assert pq.read_table(made.path).column("row")[0].as_py() == 101


def test_facts_count_every_row_once(tmp_path: Path) -> None:
    made = make(tmp_path)
    facts = made.facts
    assert (facts.rows, facts.quarantined, facts.rows_in) == (len(SCORED), len(REFUSED), ROWS)
    assert sum(facts.decisions.values()) == sum(facts.scores) == facts.rows
    assert len(facts.scores) == 20
    assert facts.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
    assert facts.size == made.path.stat().st_size
    assert facts.parts == ["inputs", "personal"]


def test_the_digest_of_answers_can_be_repeated_from_its_description(tmp_path: Path) -> None:
    made = make(tmp_path)
    table = pq.read_table(made.path, columns=["row", "probability", "decision"])
    codes = [str(decision) for decision in DECISIONS]
    packed = b"".join(
        struct.pack(">qdB", row["row"], row["probability"], codes.index(row["decision"]))
        for row in table.to_pylist()
    )
    assert made.facts.answers == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize("block", [1, 7, 16, 100])
def test_the_facts_do_not_depend_on_how_rows_were_put_into_blocks(tmp_path: Path, block: int) -> None:
    usual, other = make(tmp_path / "a").facts, make(tmp_path / "b", block=block).facts
    assert (other.answers, other.by_row, other.scores) == (usual.answers, usual.by_row, usual.scores)


def test_the_same_blocks_come_to_the_same_bytes(tmp_path: Path) -> None:
    assert make(tmp_path / "a").facts == make(tmp_path / "b").facts


def test_a_segment_of_nothing_but_refused_rows_has_none(tmp_path: Path) -> None:
    facts = make(tmp_path, table=records(5, refused=range(5))).facts
    assert (facts.rows, facts.quarantined, sum(facts.scores)) == (0, 5, 0)
    assert pq.read_table(tmp_path / f"{ONE}.made").num_rows == 0


def test_values_that_no_scored_row_has_are_in_no_dictionary_of_the_file(tmp_path: Path) -> None:
    table = records()
    names = pa.array(["secretly refused" if p in REFUSED else f"c{p}" for p in range(ROWS)])
    table = table.set_column(0, "case", names.dictionary_encode())
    assert dictionaries(make(tmp_path, table=table).path)["personal.case"] == {
        f"c{place}" for place in SCORED
    }


@pytest.mark.parametrize(
    "kind",
    [pa.null(), pa.list_(pa.int8()), pa.binary(), pa.time64("us"), pa.duration("s"), pa.string_view()],
)
def test_a_column_of_nulls_of_any_type_is_kept(tmp_path: Path, kind: pa.DataType) -> None:
    table = records().set_column(6, "amount", pa.nulls(ROWS, kind))
    found = pq.read_table(make(tmp_path, table=table).path)
    assert found.column("inputs.amount").null_count == len(SCORED)


@given(st.lists(st.integers(0, 3), max_size=70))
def test_packed_decisions_are_found_by_their_place(codes: list[int]) -> None:
    packed = unpack(pack(np.array(codes, np.uint8)))
    assert [code_at(packed, place) for place in range(len(codes))] == codes
    assert {code_at(packed, place) for place in (-1, len(codes) + 4, 10**20)} == {NONE}


@pytest.mark.parametrize("text", ["?", "AAAA", pack(np.zeros(99, np.uint8))[:-8]])
def test_text_that_holds_no_packed_decisions_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack(text)


def test_facts_come_back_from_json(tmp_path: Path) -> None:
    facts = make(tmp_path).facts
    assert SegmentFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


@pytest.mark.parametrize("change", [{"rows": "9"}, {"reasons": 1}, {"heading": None}, {"scores": None}])
def test_facts_of_another_shape_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    body = make(tmp_path).facts.to_json() | change
    with pytest.raises(ValueError, match=r"is no "):
        SegmentFacts.from_json(body)


def test_published_segments_are_in_their_place_and_in_the_chain(url: str, tmp_path: Path) -> None:
    kept = keep(url, tmp_path, make(tmp_path, ONE), make(tmp_path, TWO, first_row=41))
    found = kept.segments()
    assert [item.id for item in found] == sorted(item.id for item in found)
    assert kept.files() == sorted(item.name for item in found)
    assert {item.row.at for item in found} == {BEGIN}
    assert len({item.row.writer for item in found}) == 1
    assert verified(url).holds


def test_an_entry_has_model_policy_and_contract_and_no_value_of_a_record(url: str, tmp_path: Path) -> None:
    made = make(tmp_path)
    (found,) = keep(url, tmp_path, made).segments()
    head = made.facts.heading
    assert (found.row.model, found.row.policy, found.row.contract) == (head.model, head.policy, head.contract)
    assert found.facts == made.facts
    assert "radio/TV" not in found.row.details


def test_what_was_registered_before_is_passed_over(url: str, tmp_path: Path) -> None:
    made = make(tmp_path)
    kept = keep(url, tmp_path, made)
    assert publish(url, kept.place, [make(tmp_path).publication], BEGIN + 5) == 0
    (found,) = kept.segments()
    assert found.row.at == BEGIN
    assert kept.files() == [found.name]


def test_a_segment_with_other_answers_than_before_is_refused(url: str, tmp_path: Path) -> None:
    kept = keep(url, tmp_path, make(tmp_path))
    other = make(tmp_path / "other", table=records(seed=6))
    with pytest.raises(LogRefused) as refused:
        publish(url, kept.place, [other.publication], BEGIN)
    assert "is in the decision log with other answers" in str(refused.value)
    assert len(kept.segments()) == 1


def test_all_of_a_run_is_registered_or_nothing(url: str, tmp_path: Path) -> None:
    kept = keep(url, tmp_path, make(tmp_path, TWO))
    wrong = make(tmp_path, TWO)
    wrong = replace(wrong, facts=replace(wrong.facts, answers="00"))
    with pytest.raises(LogRefused):
        publish(url, kept.place, [make(tmp_path, ONE).publication, wrong.publication], BEGIN)
    assert [item.id for item in kept.segments()] == [TWO]


def test_two_that_publish_the_same_at_once_register_it_once(url: str, tmp_path: Path) -> None:
    keep(url, tmp_path)
    made = [[make(tmp_path / str(n), f"{i:016x}") for i in range(5)] for n in range(2)]
    at_once = threading.Barrier(2)

    def run(mine: list[Any]) -> None:
        at_once.wait()
        keep(url, tmp_path, *mine)

    threads = [threading.Thread(target=run, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = keep(url, tmp_path)
    assert [item.id for item in kept.segments()] == [f"{i:016x}" for i in range(5)]
    assert kept.files() == [item.name for item in kept.segments()]
    assert verified(url).holds


@pytest.mark.parametrize("after", ["put", "move"])
def test_a_publication_broken_off_is_finished_by_the_next(
    url: str, tmp_path: Path, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [make(tmp_path, ONE), make(tmp_path, TWO)]
    place = keep(url, tmp_path).place
    with monkeypatch.context() as broken:
        broken.setattr(type(place), after, _once(getattr(type(place), after)))
        with pytest.raises(KeyboardInterrupt):
            publish(url, place, [item.publication for item in made], BEGIN)
    again = keep(url, tmp_path, *made)
    assert again.files() == sorted(item.name for item in again.segments())
    assert len(again.segments()) == 2


def test_a_file_that_is_lost_comes_back_when_it_is_published_again(url: str, tmp_path: Path) -> None:
    kept = keep(url, tmp_path, make(tmp_path))
    kept.file(ONE).unlink()
    keep(url, tmp_path, make(tmp_path))
    assert kept.file(ONE).read_bytes() == make(tmp_path).path.read_bytes()


def test_a_log_that_is_down_is_said_and_nothing_is_put_into_place(tmp_path: Path) -> None:
    url = "postgresql://aval@127.0.0.1:9/none"
    with pytest.raises(LogDown) as down:
        keep(url, tmp_path, make(tmp_path))
    assert "cannot be written" in str(down.value)
    assert not (tmp_path / "segments").exists()


def test_an_entry_that_was_altered_beyond_reading_is_named(url: str, tmp_path: Path) -> None:
    kept = keep(url, tmp_path, make(tmp_path))
    alter(url, "entries", {"details": "'{}'"})
    with pytest.raises(LogRefused) as refused:
        kept.segments()
    assert f"the decision log's entry about segment {ONE} cannot be read" in str(refused.value)


def _once(method: Callable[..., None]) -> Callable[..., None]:
    """Do it the first time, and break off the second time."""
    calls: list[int] = []

    def broken(*given: Any) -> None:
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        method(*given)

    return broken
