from __future__ import annotations

import asyncio
import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from service.decision_log import DecisionLog, Entry, Kind, LogDown, Record, open_log, part_digest
from service.decision_log.log import MOST_WAITING
from service.decision_log.tables import RECORDS, WRITERS
from tests.service.decision_log.logs import (
    INPUTS,
    PERSONAL,
    an_entry,
    append,
    broken_links,
    entries_of,
    ids_of,
    stored,
    wait_until,
    writing,
)

# Floats whose bits are easily lost: ends of the range, a denormal, what has no short decimal form.
PROBABILITIES = [0.0, 1.0, 5e-324, 2.2250738585072014e-308, 0.1 + 0.2, 1 / 3, 1 - 2**-53, 1e-17]


def test_an_entry_that_was_appended_is_there_with_every_column(url: str) -> None:
    entry = an_entry()
    with writing(url) as log:
        assert append(log, entry) is None
        (row,) = entries_of(url)
        assert log.head == (head := type(log.head)(row.writer, 1, row.hash)), head
    assert (row.kind, row.at, row.use_case, row.about) == ("decision", entry.at, entry.use_case, entry.about)
    assert (row.probability, row.decision, row.model) == (entry.probability, "refer", entry.model)
    assert (row.policy, row.contract, row.request_id) == (entry.policy, entry.contract, entry.request_id)
    assert (row.key_id, json.loads(row.details)) == ("core-banking", entry.details)
    assert broken_links(url) == []


def test_the_parts_of_a_record_are_kept_apart_and_the_entry_commits_to_both(url: str) -> None:
    with writing(url) as log:
        append(log, an_entry())
    inputs, personal = stored(url, RECORDS)
    (row,) = entries_of(url)
    assert (json.loads(inputs.body), inputs.subject) == (INPUTS, None)
    assert (json.loads(personal.body), personal.subject) == (PERSONAL, '{"customer":"c-17"}')
    assert part_digest(inputs.salt, inputs.body, None) == row.inputs_digest
    assert part_digest(personal.salt, personal.body, personal.subject) == row.personal_digest


def test_an_entry_may_have_no_record_probability_or_decision(url: str) -> None:
    with writing(url) as log:
        append(log, Entry(Kind.REFUSAL, 1, "loan_approval", "id-1"))
    (row,) = entries_of(url)
    assert (row.probability, row.decision, row.inputs_digest, row.personal_digest) == (None,) * 4
    assert (row.model, row.request_id, row.details, stored(url, RECORDS)) == ("", "", "{}", [])


def test_probabilities_come_back_bit_for_bit(url: str) -> None:
    with writing(url) as log:
        append(log, *(an_entry(probability=value) for value in [*PROBABILITIES, -0.0]))
    found = [struct.pack(">d", row.probability) for row in entries_of(url)]
    assert found == [struct.pack(">d", value) for value in [*PROBABILITIES, 0.0]]
    assert broken_links(url) == []


def test_text_that_databases_do_not_hold_is_kept_in_records_and_details(url: str) -> None:
    odd = {"NUL \0": "half a pair \ud800", "ñ": "𝄞", "quote'": '"; DROP TABLE entries; --'}
    with writing(url) as log:
        append(log, an_entry(details=odd, record=Record(odd)))
    (row,), (part,) = entries_of(url), stored(url, RECORDS)
    assert json.loads(row.details) == odd
    assert json.loads(part.body) == odd
    assert broken_links(url) == []


def test_hundreds_of_appenders_at_once_make_one_chain(url: str) -> None:
    sizes: list[int] = []
    entries = [an_entry() for _ in range(300)]

    async def all_at_once() -> None:
        await asyncio.gather(*(log.append([entry]) for entry in entries))

    with writing(url, observe=lambda count, _: sizes.append(count)) as log:
        asyncio.run(all_at_once())
        assert (log.waiting, log.head.seq) == (0, 300)
    assert ids_of(url) == sorted(entry.about for entry in entries)
    assert broken_links(url) == []
    assert sum(sizes) == 300
    assert len(sizes) < 100, "each entry had a commit of its own"


def test_two_writers_of_one_log_have_a_chain_each(url: str) -> None:
    async def both() -> None:
        logs = [first, second] * 40
        await asyncio.gather(*(log.append([an_entry(), an_entry()]) for log in logs))

    with writing(url) as first, writing(url) as second:
        asyncio.run(both())
        assert (first.head.seq, second.head.seq) == (80, 80)
    assert broken_links(url) == []
    assert len({row.writer for row in entries_of(url)}) == 2


def test_a_start_anew_is_another_writer_that_says_what_it_is(url: str) -> None:
    for _ in range(2):
        with writing(url) as log:
            append(log, an_entry())
    writers = stored(url, WRITERS)
    assert [json.loads(row.about) for row in writers] == [{"code": "tests"}] * 2
    assert all(row.seen_at >= row.started_at for row in writers)
    assert [row.seq for row in entries_of(url)] == [1, 1]


def test_closing_writes_what_was_submitted_and_refuses_what_comes_later(url: str) -> None:
    async def close_behind() -> list[bytes | None]:
        appends = [asyncio.ensure_future(log.append([an_entry()])) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(log.close)
        return await asyncio.gather(*appends)

    log = open_log(url, spool=Path("none"), when_down="closed", about={})
    log.start()
    assert asyncio.run(close_behind()) == [None] * 50
    assert len(entries_of(url)) == 50
    with pytest.raises(LogDown, match="the decision log is closed"):
        append(log, an_entry())
    assert not log.is_up


def test_a_caller_that_went_away_takes_nothing_back_and_holds_up_nobody(url: str) -> None:
    async def cancelled() -> None:
        gone = asyncio.ensure_future(log.append([entry]))
        await asyncio.sleep(0)
        gone.cancel()
        await log.append([an_entry()])

    entry = an_entry()
    with writing(url) as log:
        asyncio.run(cancelled())
    assert entry.about in ids_of(url)
    assert broken_links(url) == []


def test_what_cannot_be_logged_is_refused_without_harm_to_its_neighbours(url: str) -> None:
    async def together() -> list[object]:
        bad = an_entry(request_id="\0")
        given = [log.append([an_entry()]), log.append([bad]), log.append([an_entry()])]
        return await asyncio.gather(*given, return_exceptions=True)

    with writing(url) as log:
        first, bad, last = asyncio.run(together())
    assert (first, last) == (None, None)
    assert isinstance(bad, ValueError)
    assert len(entries_of(url)) == 2


def test_refuses_at_once_when_too_many_wait(tmp_path: Path) -> None:
    async def flood() -> None:
        entry = an_entry()
        lock.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.ensure_future(log.append([entry] * 1000)) for _ in range(MOST_WAITING // 1000)]
        await asyncio.sleep(0)
        try:
            await log.append([an_entry()])
        finally:
            lock.rollback()
            await asyncio.gather(*waiting)

    file = tmp_path / "log.db"
    with writing(f"sqlite:///{file}") as log, closing(sqlite3.connect(file, isolation_level=None)) as lock:
        with pytest.raises(LogDown, match="10000 entries wait for the decision log, the most that may"):
            asyncio.run(flood())
        append(log, an_entry())
    assert len(entries_of(f"sqlite:///{file}")) == MOST_WAITING + 1


def test_an_idle_writer_shows_that_it_lives(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with writing(url):
        (before,) = stored(url, WRITERS)
        wait_until(lambda: stored(url, WRITERS)[0].seen_at > before.seen_at)


def test_what_comes_in_neighbouring_turns_of_the_loop_is_one_commit(url: str) -> None:
    commits: list[int] = []

    async def append_later(log: DecisionLog, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await log.append([an_entry()])

    async def burst(log: DecisionLog) -> None:
        await asyncio.gather(*(append_later(log, number // 4) for number in range(16)))

    with writing(url, observe=lambda entries, _: commits.append(entries)) as log:
        for _ in range(5):
            asyncio.run(burst(log))
    # On a busy machine the loop may be halted between two turns for longer than the writer waits.
    assert commits.count(16) >= 1, commits


def test_a_loop_that_ended_before_its_entries_were_handed_over_halts_no_other(url: str) -> None:
    async def abandoned(log: DecisionLog) -> None:
        task = asyncio.ensure_future(log.append([an_entry()]))
        await asyncio.sleep(0)
        task.cancel()

    with writing(url) as log:
        asyncio.run(abandoned(log))
        assert asyncio.run(asyncio.wait_for(log.append([an_entry()]), 5)) is None
    assert len(entries_of(url)) == 2
