from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.decision_log import Kind, LogRefused
from service.decision_log.decided import Decided, Span, decided
from service.decision_log.entries import Part
from service.decision_log.erasure import Wish, erase
from service.decision_log.scribe import writing
from service.decision_log.segments.erasing import erase_decisions
from service.decision_log.segments.store import SegmentStore
from service.scoring.contract import Contract
from service.scoring.policy import DECISIONS
from tests.service.batch.batch_scorers import CONTRACT as EVERY_TYPE
from tests.service.batch.batch_scorers import random_table
from tests.service.decision_log.segment_logs import SCORER, keep, make, records
from tests.service.decision_log.written_log import BEGIN, CONTRACT, MINUTE, decision, record, write
from tests.service.replayed_log import logged

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
ALWAYS = Span(0, 2**62)


def store(url: str, folder: Path) -> SegmentStore:
    """A log, with the folder of its segments."""
    return keep(url, folder).store


def blocks(
    at: SegmentStore,
    contract: Contract = CONTRACT,
    span: Span = ALWAYS,
    columns: Collection[str] | None = None,
) -> list[Decided]:
    """All blocks of decisions."""
    return list(decided(at, contract, span, columns))


def ids(found: Sequence[Decided]) -> list[str]:
    """The ids of all decisions, in their order."""
    return [about for block in found for about in block.about]


def json_rows(rows: int, seed: int = 5) -> list[dict[str, Any]]:
    """Records as JSON has them."""
    made: list[dict[str, Any]] = json.loads(json.dumps(random_table(rows, seed).to_pylist(), default=str))
    return made


def test_decisions_come_in_columns_in_the_order_of_time(url: str, tmp_path: Path) -> None:
    write(url, [decision(number, verdict=str(DECISIONS[number % 3])) for number in (3, 1, 2)])
    (block,) = blocks(store(url, tmp_path))
    assert list(block.about) == ["d1", "d2", "d3"]
    assert block.at.tolist() == [BEGIN + number * MINUTE for number in (1, 2, 3)]
    assert block.probabilities.tolist() == [1 / 4, 1 / 5, 1 / 6]
    assert [DECISIONS[code] for code in block.decisions] == ["refer", "decline", "approve"]
    assert block.records.column("income").to_pylist() == [1001.5, 1002.5, 1003.5]
    assert (block.rows, block.batch, block.text) == (3, False, False)


def test_a_span_takes_its_beginning_and_leaves_its_end(url: str, tmp_path: Path) -> None:
    write(url, map(decision, range(5)))
    span = Span(BEGIN + MINUTE, BEGIN + 3 * MINUTE)
    assert ids(blocks(store(url, tmp_path), span=span)) == ["d1", "d2"]


def test_an_empty_span_holds_nothing(url: str, tmp_path: Path) -> None:
    write(url, [decision(1)])
    assert blocks(store(url, tmp_path), span=Span(BEGIN + MINUTE, BEGIN + MINUTE)) == []
    assert blocks(store(url, tmp_path), span=Span(BEGIN + 2 * MINUTE, BEGIN)) == []


def test_other_use_cases_and_other_kinds_are_no_decisions_here(url: str, tmp_path: Path) -> None:
    others = (Kind.EXPLANATION, Kind.SHADOW, Kind.REFUSAL, Kind.OUTCOME)
    write(
        url,
        [decision(9), decision(8, use_case="other"), *(decision(i, kind=k) for i, k in enumerate(others))],
    )
    assert ids(blocks(store(url, tmp_path))) == ["d9"]


def test_decisions_of_several_versions_stand_apart(url: str, tmp_path: Path) -> None:
    write(url, [decision(number, model=f"small_loans:{number % 2}") for number in range(6)])
    found = blocks(store(url, tmp_path))
    assert [(block.by.model, list(block.about)) for block in found] == [
        ("small_loans:0", ["d0", "d2", "d4"]),
        ("small_loans:1", ["d1", "d3", "d5"]),
    ]


def test_ids_that_are_numbers_here_and_text_there_are_read(url: str, tmp_path: Path) -> None:
    mixed = [record({"income": 1}, {"customer": "c1", "case": 7}), record({"income": 2.5}, {"customer": 2})]
    write(url, [decision(number, record=item) for number, item in enumerate(mixed)])
    (block,) = blocks(store(url, tmp_path))
    assert block.records.column("customer").to_pylist() == ["c1", "2"]
    assert block.records.column("income").to_pylist() == [1.0, 2.5]


def test_an_id_that_looks_like_a_time_stays_text(url: str, tmp_path: Path) -> None:
    write(url, [decision(1, record=record({"income": 1}, {"customer": "2026-11-20"}))])
    (block,) = blocks(store(url, tmp_path))
    assert block.records.column("customer").to_pylist() == ["2026-11-20"]


def test_every_column_is_there_and_null_where_a_record_has_none(url: str, tmp_path: Path) -> None:
    write(url, [decision(1, record=record({"income": None}, {})), decision(2, record=record({}, {}))])
    (block,) = blocks(store(url, tmp_path))
    assert block.records.to_pydict() == {name: [None, None] for name in ("customer", "case", "income")}
    assert not block.erased.any(), "nothing was erased"


def test_only_the_columns_that_are_wanted_are_read(url: str, tmp_path: Path) -> None:
    write(url, map(decision, range(2)))
    (block,) = blocks(store(url, tmp_path), columns={"income"})
    assert block.records.column_names == ["income"]
    (block,) = blocks(store(url, tmp_path), columns=())
    assert (block.records.column_names, block.rows) == ([], 2)


def test_erased_inputs_are_null_and_said_to_be_erased(url: str, tmp_path: Path) -> None:
    write(url, map(decision, range(4)))
    _erase(url, Part.INPUTS, "d1", "d2")
    (block,) = blocks(store(url, tmp_path))
    assert block.erased.tolist() == [False, True, True, False]
    assert block.records.column("income").to_pylist() == [1000.5, None, None, 1003.5]
    assert block.records.column("case").to_pylist() == ["0", "1", "2", "3"], "the other part is still there"


def test_an_erased_name_erases_no_input(url: str, tmp_path: Path) -> None:
    write(url, map(decision, range(2)))
    _erase(url, Part.PERSONAL, "d1")
    (block,) = blocks(store(url, tmp_path))
    assert not block.erased.any()


def test_an_erased_time_erases_the_inputs_derived_from_it(url: str, tmp_path: Path) -> None:
    made = logged(url, [SCORER], json_rows(5))
    _erase(url, Part.PERSONAL, made[2])
    (block,) = blocks(store(url, tmp_path), EVERY_TYPE)
    assert block.erased.tolist() == [False, False, True, False, False]


def test_records_of_every_type_score_again_to_the_same_bits(url: str, tmp_path: Path) -> None:
    logged(url, [SCORER], json_rows(200))
    (block,) = blocks(store(url, tmp_path), EVERY_TYPE)
    scored = SCORER.score_table(block.records)
    assert scored.valid.all(), [str(item.code) for part in scored.checked for item in part.refused]
    assert scored.probabilities.tobytes() == block.probabilities.tobytes()


def test_batch_decisions_come_after_those_online(url: str, tmp_path: Path) -> None:
    kept = keep(url, tmp_path, make(tmp_path, ONE, block=16))
    logged(url, [SCORER], json_rows(3))
    online, *batch = blocks(kept.store, EVERY_TYPE)
    assert (online.rows, online.batch) == (3, False)
    assert [block.rows for block in batch] == [15, 15, 8]
    assert all(block.batch for block in batch)
    assert ids(batch)[:3] == [f"{ONE}-1", f"{ONE}-2", f"{ONE}-3"]
    scored = SCORER.score_table(pa.concat_tables([block.records for block in batch]))
    assert (
        scored.probabilities.tobytes() == np.concatenate([block.probabilities for block in batch]).tobytes()
    )


def test_batch_decisions_of_a_text_file_are_said_to_be_text(tmp_path: Path) -> None:
    table = records(8, refused=())
    texts = pa.table({name: table.column(name).cast(pa.string()) for name in table.column_names})
    kept = keep(f"sqlite:///{tmp_path / 'log.db'}", tmp_path, make(tmp_path, ONE, texts, text=True))
    (block,) = blocks(kept.store, EVERY_TYPE)
    assert block.text
    assert (
        SCORER.score_table(block.records, text=True).probabilities.tobytes() == block.probabilities.tobytes()
    )


def test_segments_outside_of_the_span_are_left_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    keep(url, tmp_path, make(tmp_path, ONE))
    kept = keep(url, tmp_path, make(tmp_path, TWO, records(seed=8)), at=BEGIN + MINUTE)
    found = blocks(kept.store, EVERY_TYPE, Span(BEGIN + MINUTE, BEGIN + 2 * MINUTE))
    assert {about.partition("-")[0] for about in ids(found)} == {TWO}


@pytest.mark.parametrize("part", list(Part))
def test_erased_rows_of_a_segment_are_said_to_be_erased(tmp_path: Path, part: Part) -> None:
    kept = keep(f"sqlite:///{tmp_path / 'log.db'}", tmp_path, make(tmp_path, ONE, block=64))
    with writing(kept.url, "tests", BEGIN) as scribe:
        erase_decisions(kept.store, scribe, Wish([f"{ONE}-2"], (part,), "asked for", "m.rojas", BEGIN))
    (block,) = blocks(kept.store, EVERY_TYPE)
    assert np.flatnonzero(block.erased).tolist() == [1]
    name = "income" if part is Part.INPUTS else "asked at"
    assert block.records.column(name)[1].as_py() is None


def test_a_segment_that_is_erased_from_while_it_is_read_stays_what_it_was(tmp_path: Path) -> None:
    kept = keep(f"sqlite:///{tmp_path / 'log.db'}", tmp_path, make(tmp_path, ONE, block=16))
    reader = decided(kept.store, EVERY_TYPE, ALWAYS)
    first = next(reader)
    with writing(kept.url, "tests", BEGIN) as scribe:
        wish = Wish([f"{ONE}-{row}" for row in range(1, 41)], tuple(Part), "asked for", "m.rojas", BEGIN)
        erase_decisions(kept.store, scribe, wish)
    rest = list(reader)
    assert first.rows + sum(block.rows for block in rest) == 38
    assert not any(block.erased.any() for block in rest)


def test_what_is_written_meanwhile_is_not_seen(url: str, tmp_path: Path) -> None:
    write(url, [decision(number, model=f"small_loans:{number}") for number in range(2)])
    reader = decided(store(url, tmp_path), CONTRACT, ALWAYS)
    first = next(reader)
    write(url, [decision(7)])
    assert [*first.about, *ids(list(reader))] == ["d0", "d1"]


def test_a_log_that_is_not_there_is_refused(tmp_path: Path) -> None:
    at = replace(
        keep(f"sqlite:///{tmp_path / 'log.db'}", tmp_path).store, address=f"sqlite:///{tmp_path / 'no.db'}"
    )
    with pytest.raises(LogRefused, match="there is no decision log"):
        blocks(at)


@given(
    st.lists(st.dictionaries(st.sampled_from(["income", "case", "customer"]), st.integers(0, 9)), min_size=1)
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_fields_records_have_each_keeps_its_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    url = f"sqlite:///{folder / 'log.db'}"
    write(url, [decision(number, record=_split(row)) for number, row in enumerate(rows)])
    (block,) = blocks(store(url, folder))
    incomes = [row.get("income") for row in rows]
    assert block.records.column("income").to_pylist() == incomes
    cases = [None if row.get("case") is None else str(row["case"]) for row in rows]
    assert block.records.column("case").to_pylist() == cases


def _split(row: Mapping[str, int]) -> Any:
    inputs = {name: value for name, value in row.items() if name == "income"}
    return record(inputs, {name: value for name, value in row.items() if name != "income"})


def _erase(url: str, part: Part, *abouts: str) -> None:
    with writing(url, "tests", BEGIN) as scribe:
        scribe.write(erase(Wish(abouts, (part,), "the customer asked for it", "m.rojas", BEGIN)))
