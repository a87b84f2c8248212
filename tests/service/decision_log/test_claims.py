from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

import pytest

from service.decision_log import Claim, DecisionLog, KeyReused
from service.decision_log.tables import CLAIMS, WRITERS
from tests.service.decision_log.logs import (
    an_entry,
    append,
    broken_links,
    entries_of,
    ids_of,
    stored,
    wait_until,
    writing,
)


def claim(key: str = "key-1", body: str = "body", scope: str = "core-banking /predict") -> Claim:
    return Claim(scope, hashlib.sha256(key.encode()).digest(), hashlib.sha256(body.encode()).digest())


def test_the_same_key_and_body_gives_the_first_answer_and_appends_nothing(url: str) -> None:
    with writing(url) as log:
        assert append(log, an_entry(), claim=claim(), answer=b"first \0 answer") is None
        assert append(log, an_entry(), claim=claim(), answer=b"second") == b"first \0 answer"
        append(log, an_entry())
    assert len(entries_of(url)) == 2
    assert broken_links(url) == []


def test_the_same_key_with_another_body_is_refused_and_appends_nothing(url: str) -> None:
    with writing(url) as log:
        append(log, an_entry(), claim=claim(), answer=b"first")
        with pytest.raises(KeyReused, match="used before with another body; use a new key for a new request"):
            append(log, an_entry(), claim=claim(body="other"), answer=b"second")
    assert len(entries_of(url)) == 1


def test_a_key_is_another_key_in_another_scope(url: str) -> None:
    with writing(url) as log:
        append(log, an_entry(), claim=claim(), answer=b"first")
        assert append(log, an_entry(), claim=claim(scope="other /predict"), answer=b"second") is None


def test_a_key_is_known_to_other_workers_and_after_a_restart(url: str) -> None:
    with writing(url) as first, writing(url) as second:
        append(first, an_entry(), claim=claim(), answer=b"first")
        assert append(second, an_entry(), claim=claim(), answer=b"second") == b"first"
    with writing(url) as later:
        assert append(later, an_entry(), claim=claim(), answer=b"third") == b"first"


def test_of_many_that_claim_one_key_at_once_over_two_workers_one_is_first(url: str) -> None:
    async def race() -> list[bytes | None]:
        both = [first, second] * 30
        answers = [str(number).encode() for number in range(60)]
        claims = [
            log.append([an_entry()], claim(), answer) for log, answer in zip(both, answers, strict=True)
        ]
        return await asyncio.gather(*claims)

    with writing(url) as first, writing(url) as second:
        results = asyncio.run(race())
    (kept,) = stored(url, CLAIMS)
    assert results.count(None) == 1
    assert results[int(kept.answer)] is None, "the answer that is kept is not the one that was given first"
    assert set(results) == {None, bytes(kept.answer)}
    assert len(entries_of(url)) == 1


def test_workers_that_claim_the_same_keys_in_different_orders_never_wait_in_a_circle(url: str) -> None:
    keys = [f"key-{number}" for number in range(40)]

    async def race() -> list[Any]:
        given: list[Any] = []
        for log in (first, second):
            order = keys if log is first else keys[::-1]
            given += [
                log.append([an_entry(about=f"{log.head.writer} {key}")], claim(key), b"") for key in order
            ]
        return await asyncio.gather(*given)

    with writing(url) as first, writing(url) as second:
        results = asyncio.run(race())
        assert first.is_up
        assert second.is_up
    assert (results.count(None), results.count(b"")) == (40, 40)
    assert sorted(about.split()[1] for about in ids_of(url)) == sorted(keys)
    assert broken_links(url) == []


def test_keys_are_forgotten_after_their_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.decision_log.writer._PURGE", 0.1)
    url = f"sqlite:///{tmp_path / 'log.db'}"
    with writing(url, keep_claims=0.5) as log:
        append(log, an_entry(), claim=claim(), answer=b"first")
        wait_until(lambda: stored(url, CLAIMS) == [])
        assert append(log, an_entry(), claim=claim(body="other"), answer=b"second") is None


def test_postgresql_forgets_keys_too(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.decision_log.writer._PURGE", 0.0)
    with writing(url, keep_claims=-1) as log:
        append(log, an_entry(), claim=claim(), answer=b"first")
        wait_until(lambda: stored(url, CLAIMS) == [])
        assert log.is_up


def test_keys_are_forgotten_and_a_writer_shows_that_it_lives_while_there_is_much_to_write(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.decision_log.store._PURGED_AT_ONCE", 1)
    monkeypatch.setattr("service.decision_log.writer._PURGE", 1.0)

    async def write(log: DecisionLog, seen: int) -> None:
        while stored(url, CLAIMS) or stored(url, WRITERS)[0].seen_at == seen:
            for _ in range(10):
                await log.append([an_entry()])

    with writing(url, keep_claims=0.0) as log:
        (writer,) = stored(url, WRITERS)
        for number in range(12):
            append(log, claim=claim(f"key-{number}"), answer=b"")
        asyncio.run(asyncio.wait_for(write(log, writer.seen_at), 9))


def test_a_key_that_is_too_old_and_not_yet_forgotten_is_a_new_one(url: str) -> None:
    with writing(url, keep_claims=1.0) as log:
        append(log, an_entry(), claim=claim(), answer=b"first")
        assert append(log, an_entry(), claim=claim(), answer=b"second") == b"first"
        time.sleep(1.1)
        assert append(log, an_entry(), claim=claim(body="other"), answer=b"third") is None
        assert append(log, an_entry(), claim=claim(body="other"), answer=b"fourth") == b"third"
    assert [bytes(row.answer) for row in stored(url, CLAIMS)] == [b"third"]
    assert len(entries_of(url)) == 2


def test_a_claim_without_entries_is_kept_too(url: str) -> None:
    with writing(url) as log:
        assert append(log, claim=claim(), answer=b"first") is None
        assert append(log, claim=claim(), answer=b"second") == b"first"
    assert entries_of(url) == []


def test_two_of_one_key_in_one_commit_get_the_same_answer(tmp_path: Path) -> None:
    async def together(log: DecisionLog) -> list[bytes | None]:
        both = [("one", b"first"), ("two", b"second")]
        return await asyncio.gather(
            *(log.append([an_entry(about)], claim(), answer) for about, answer in both)
        )

    url = f"sqlite:///{tmp_path / 'log.db'}"
    with writing(url) as log:
        assert asyncio.run(together(log)) == [None, b"first"]
    assert ids_of(url) == ["one"]
