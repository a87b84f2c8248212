from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.decision_log.entries import Part
from service.decision_log.erasure import Wish
from service.decision_log.retention import Retention
from service.decision_log.scribe import writing
from service.decision_log.segments.erasing import erase_decisions, retain_segments
from service.decision_log.segments.segment import Chosen
from service.errors import NoSuchModel
from service.places.file_facts import digest_of
from service.replay import (
    Asked,
    Difference,
    Explained,
    Redecided,
    Replayed,
    give_reasons,
    redecide_segments,
    replay_segments,
)
from service.scoring.policy import Costs, Policy
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import make_scorer, symmetric_trees
from tests.service.decision_log.segment_logs import SCORER, Kept, keep, make, records
from tests.service.decision_log.written_log import BEGIN, MINUTE, alter

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
TREES = make_scorer(symmetric_trees(20, 4))
STRICTER = Policy("stricter", 0.1, 0.4)
COSTS = Costs(10.0, 2.0, 0.5, "USD")
SCORED = 38
EVERY = Asked()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A log of two segments of two models, the second with reasons."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    second = make(tmp_path, TWO, scorer=TREES, reasons=True)
    keep(url, tmp_path, make(tmp_path, ONE))
    return keep(url, tmp_path, second, at=BEGIN + 60 * MINUTE)


def load(tag: str, policy: str) -> Scorer:
    """The scorer of a tag."""
    found = {scorer.tag: scorer for scorer in (SCORER, TREES)}
    if tag not in found:
        raise NoSuchModel(f"{tag} is gone")
    return found[tag]


def replayed(kept: Kept, asked: Asked = EVERY, **more: Any) -> Replayed:
    """Replay the batch decisions of a log."""
    return replay_segments(kept.store, asked, load, **more)


def forge(kept: Kept, segment: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a segment's file, and the log so that it holds that to be right."""
    file = kept.file(segment)
    pq.write_table(change(pq.read_table(file)), file)
    (before,) = [item.sha256 for item in kept.segments() if item.id == segment]
    after = digest_of(file)
    alter(kept.url, "entries", {"details": f"replace(details, '{before}', '{after}')"})
    file.rename(file.with_name(f"{segment}-{after[:16]}.parquet"))


def other(column: str, row: int, value: Any) -> Callable[[pa.Table], pa.Table]:
    """Put another value into one row."""

    def change(table: pa.Table) -> pa.Table:
        values = table.column(column).to_pylist()
        values[table.column("row").to_pylist().index(row)] = value
        kind = pa.string() if pa.types.is_dictionary(table.schema.field(column).type) else None
        return table.set_column(table.column_names.index(column), column, pa.array(values, kind))

    return change


def test_batch_decisions_of_two_models_come_out_the_same_bit_for_bit(kept: Kept) -> None:
    done = replayed(kept)
    assert (done.decisions, done.same, done.different, done.erased) == (2 * SCORED, 2 * SCORED, 0, 0)
    assert done.holds


def test_records_of_a_text_file_come_out_the_same(tmp_path: Path) -> None:
    table = pa.table({name: _texts(column) for name, column in zip(*_columns(records()), strict=True)})
    url = f"sqlite:///{tmp_path / 'log.db'}"
    done = replayed(keep(url, tmp_path, make(tmp_path, ONE, table, text=True)))
    assert (done.decisions, done.same) == (SCORED, SCORED)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("age", pa.uint8()),
        ("age", pa.int16()),
        ("age", pa.float16()),
        ("age", pa.uint64()),
        ("age", pa.decimal128(22, 1)),
        ("age", pa.decimal256(60, 1)),
        ("income", pa.float32()),
        ("purpose", pa.dictionary(pa.int8(), pa.string())),
        ("purpose", pa.large_string()),
        ("purpose", pa.string_view()),
        ("asked at", pa.timestamp("s")),
        ("asked at", pa.timestamp("ns", "America/Lima")),
        ("asked at", pa.date32()),
        ("asked at", pa.date64()),
    ],
)
def test_columns_of_any_type_come_out_the_same(tmp_path: Path, column: str, kind: pa.DataType) -> None:
    table = records()
    cells = table.column(column)
    if column == "asked at":
        cells = cells.cast(pa.timestamp("s"))
    cells = cells.combine_chunks().dictionary_encode() if pa.types.is_dictionary(kind) else cells.cast(kind)
    table = table.set_column(table.column_names.index(column), column, cells)
    url = f"sqlite:///{tmp_path / 'log.db'}"
    done = replayed(keep(url, tmp_path, make(tmp_path, ONE, table)))
    assert (done.decisions, done.same) == (SCORED, SCORED)


@pytest.mark.parametrize(
    ("column", "value", "what", "before"),
    [
        ("probability", 0.25, "probability", 0.25),
        ("inputs.income", 1e6, "probability", None),
        ("inputs.age", 7, "record", "accepted"),
        ("decision", "refer", "decision", "refer"),
        ("reasons", "R99", "reasons", "R99"),
    ],
)
def test_a_batch_decision_that_comes_out_otherwise_is_told(
    kept: Kept, column: str, value: Any, what: str, before: Any
) -> None:
    row = int(np.flatnonzero(TREES.score_table(records()).decisions == 2)[0]) + 1
    forge(kept, TWO, other(column, row, value))
    told: list[Difference] = []
    done = replayed(kept, each=told.append)
    assert (done.same, done.different, done.holds) == (2 * SCORED - 1, 1, False)
    assert told == done.listed
    (found,) = told
    assert (found.decision_id, found.model, found.what) == (f"{TWO}-{row}", TREES.tag, what)
    assert before in (None, found.logged)
    assert found.logged != found.replayed


def test_the_last_bit_of_a_probability_counts(kept: Kept) -> None:
    p = float(SCORER.score_table(records()).probabilities[0])
    forge(kept, ONE, other("probability", 1, float(np.nextafter(p, 1))))
    assert replayed(kept).different == 1


def test_reasons_are_left_out_where_they_are_not_asked_for(kept: Kept) -> None:
    forge(kept, TWO, lambda table: table.drop_columns("reasons").append_column("reasons", _nothing(table)))
    assert replayed(kept, reasons=False).same == 2 * SCORED
    assert replayed(kept).different > 0


def test_another_contract_makes_every_decision_another(kept: Kept) -> None:
    alter(kept.url, "entries", {"contract": "'0000000000000000'"}, "about = :about", about=ONE)
    done = replayed(kept)
    assert (done.same, done.different) == (SCORED, SCORED)
    assert {item.what for item in done.listed} == {"contract"}


def test_a_model_that_is_gone_is_named_and_counted_apart(kept: Kept) -> None:
    alter(kept.url, "entries", {"model": "'small_loans:0123456789abcdef'"}, "about = :about", about=ONE)
    done = replayed(kept)
    assert (done.same, dict(done.unavailable)) == (SCORED, {"small_loans:0123456789abcdef is gone": SCORED})


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"PAR1")])
def test_a_damaged_file_is_named_and_the_others_are_replayed(
    kept: Kept, damage: Callable[[Path], None]
) -> None:
    damage(kept.file(ONE))
    done = replayed(kept)
    assert (done.decisions, done.same, done.unavailable.total()) == (2 * SCORED, SCORED, SCORED)
    (why,) = done.unavailable
    assert ONE in why


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        (Asked(Chosen(ids=[TWO]), 5), 1),
        (Asked(Chosen(ids=[TWO])), SCORED),
        (Asked(Chosen(ids=[TWO]), 4), 0),
        (Asked(Chosen("other_loans")), 0),
        (Asked(Chosen("small_loans", since=BEGIN + MINUTE)), SCORED),
        (Asked(Chosen(until=BEGIN + MINUTE)), SCORED),
        (Asked(Chosen(ids=[])), 0),
    ],
)
def test_what_is_replayed_can_be_chosen(kept: Kept, asked: Asked, count: int) -> None:
    assert replayed(kept, asked).same == count


def test_an_erased_row_is_counted_apart(kept: Kept) -> None:
    _erase(kept, [f"{ONE}-1", f"{ONE}-2"], Part.INPUTS)
    done = replayed(kept)
    assert (done.same, done.erased, done.different, done.holds) == (2 * SCORED - 2, 2, 0, True)
    assert replayed(kept, Asked(Chosen(ids=[ONE]), 2)).erased == 1


def test_a_model_that_looked_at_the_hour_needs_the_personal_part(kept: Kept) -> None:
    _retain(kept, Part.PERSONAL)
    assert (replayed(kept).erased, replayed(kept).same) == (2 * SCORED, 0)


def test_an_erasure_in_the_midst_of_a_replay_changes_nothing_but_what_is_left(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Path] = []

    def erasing(path: Path) -> str:
        calls.append(path)
        found = digest_of(path)
        if len(calls) == 1:
            _erase(kept, [f"{ONE}-1"], Part.INPUTS)
        return found

    monkeypatch.setattr("service.decision_log.segments.store.digest_of", erasing)
    done = replayed(kept)
    assert (done.same, done.erased, done.different) == (2 * SCORED - 1, 1, 0)


def test_another_policy_is_asked_what_it_would_have_decided(kept: Kept) -> None:
    told: list[Difference] = []
    done = redecided(kept, each=told.append)
    p = np.concatenate([_scored(scorer).probabilities for scorer in (SCORER, TREES)])
    old = np.concatenate([_scored(scorer).decisions for scorer in (SCORER, TREES)])
    new = STRICTER.decide_all(p)
    assert done.decisions == 2 * SCORED
    assert done.changed == len(told) == int((old != new).sum())
    assert done.cost_before == pytest.approx(sum(map(_cost, old, p)))
    assert done.cost_after == pytest.approx(sum(map(_cost, new, p)))
    assert {item.policy for item in told} == {STRICTER.version}


def test_reviews_without_a_stated_cost_leave_the_expected_cost_unknown(kept: Kept) -> None:
    assert redecided(kept, replace(COSTS, review=None)).cost_before is None


def test_another_policy_needs_no_record(kept: Kept) -> None:
    before = redecided(kept)
    _retain(kept, *Part)
    assert redecided(kept) == before


def test_reasons_are_given_to_what_has_none_and_are_those_of_the_scorer(kept: Kept) -> None:
    given: list[Explained] = []
    done = give_reasons(kept.store, Asked(), load, each=given.append)
    table = _scored(SCORER)
    assert (done.decisions, done.had, done.given) == (2 * SCORED, SCORED, len(given))
    assert done.given + done.approved == SCORED
    assert done.holds
    rows = {place + 1: row for place, row in enumerate(records().to_pylist())}
    for item in given:
        scored = SCORER.score(rows[int(item.decision_id.partition("-")[2])])
        assert (item.probability, item.decision) == (scored.probability, str(scored.decision))
        assert item.reasons == scored.reasons
    assert {item.decision for item in given} == {"refer", "decline"}
    assert table.decisions.max() == 2


def test_what_comes_out_otherwise_gets_no_reasons(kept: Kept) -> None:
    forge(kept, ONE, other("probability", 1, 0.25))
    given: list[Explained] = []
    done = give_reasons(kept.store, Asked(), load, each=given.append)
    assert (done.different, done.holds) == (1, False)
    assert f"{ONE}-1" not in {item.decision_id for item in given}


def test_what_was_erased_or_cannot_be_loaded_gets_no_reasons_and_is_counted(kept: Kept) -> None:
    _erase(kept, [f"{ONE}-1"], Part.INPUTS)
    done = give_reasons(kept.store, Asked(), load, each=lambda _: None)
    assert (done.erased, done.holds) == (1, True)
    shutil.rmtree(kept.folder)
    done = give_reasons(kept.store, Asked(), load, each=lambda _: None)
    assert (done.unavailable.total(), done.had, done.holds) == (SCORED, SCORED, False)


def redecided(kept: Kept, costs: Costs = COSTS, **more: Any) -> Redecided:
    """Decide anew on the batch decisions of a log."""
    return redecide_segments(kept.store, Asked(), STRICTER, costs, **more)


def _scored(scorer: Scorer) -> Any:
    table = records()
    scored = scorer.score_table(table)
    return scorer.score_table(table.filter(pa.array(scored.valid)))


def _cost(code: int, p: float) -> float:
    return [p * COSTS.false_approve, COSTS.review or 0.0, (1 - p) * COSTS.false_decline][code]


def _nothing(table: pa.Table) -> pa.Array:
    return pa.nulls(table.num_rows, pa.string())


def _columns(table: pa.Table) -> tuple[list[str], list[pa.ChunkedArray]]:
    return table.column_names, table.columns


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    return [
        None
        if value is None
        else str(value).lower()
        if value in (True, False) and isinstance(value, bool)
        else repr(value)
        if isinstance(value, float)
        else str(value)
        for value in column.to_pylist()
    ]


def _erase(kept: Kept, abouts: list[str], *parts: Part) -> None:
    with writing(kept.url, "tests", BEGIN) as scribe:
        erase_decisions(kept.store, scribe, Wish(abouts, parts, "asked", "tests", BEGIN))


def _retain(kept: Kept, *parts: Part) -> None:
    with writing(kept.url, "tests", BEGIN) as scribe:
        retain_segments(
            kept.store, scribe, Retention(dict.fromkeys(parts, BEGIN + 99 * MINUTE), "cron", BEGIN)
        )
