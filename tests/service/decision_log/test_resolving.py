from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, text

from service.decision_log import Entry, Kind, LogDown, Resolution
from service.decision_log.orders import Resolve
from service.decision_log.tables import ENTRIES
from tests.service.decision_log.logs import an_entry, append, broken_links, entries_of, ids_of, writing


def numbered(about: str) -> Resolve:
    """A resolver that gives each outcome of a decision the next number."""

    def resolve(connection: Connection) -> Resolution:
        count = select(func.count()).where(ENTRIES.c.about == about)
        number = connection.scalar(count) or 0
        entry = Entry(Kind.OUTCOME, 1, "loan_approval", about, details={"number": number})
        return Resolution([entry], number)

    return resolve


def test_a_resolver_sees_what_is_there_and_its_entries_are_appended(url: str) -> None:
    with writing(url) as log:
        append(log, an_entry(about="d-1"))
        assert asyncio.run(log.append_resolved(["d-1"], numbered("d-1"))) == 1
        assert asyncio.run(log.append_resolved(["d-1"], numbered("d-1"))) == 2
    assert [row.kind for row in entries_of(url)] == ["decision", "outcome", "outcome"]
    assert broken_links(url) == []


def test_resolvers_of_two_workers_that_decide_upon_one_decision_come_one_after_the_other(url: str) -> None:
    async def race() -> list[Any]:
        decided = [
            log.append_resolved([about], numbered(about)) for about in ids for log in (first, second) * 10
        ]
        return await asyncio.gather(*decided)

    ids = ["d-1", "d-2", "d-3"]
    with writing(url) as first, writing(url) as second:
        numbers = asyncio.run(race())
    assert [sorted(numbers[at : at + 20]) for at in (0, 20, 40)] == [list(range(20))] * 3
    assert broken_links(url) == []


def test_many_ids_at_once_in_different_orders_never_wait_in_a_circle(url: str) -> None:
    ids = [f"d-{number}" for number in range(600)]

    async def race() -> list[Any]:
        ways = [(first, ids), (second, ids[::-1])] * 4
        return await asyncio.gather(*(log.append_resolved(way, numbered("d-1")) for log, way in ways))

    with writing(url) as first, writing(url) as second:
        assert sorted(asyncio.run(race())) == list(range(8))
        assert first.is_up
        assert second.is_up


def test_what_a_resolver_raises_goes_to_whoever_asked_and_to_nobody_else(url: str) -> None:
    def unknown(_: Connection) -> Resolution:
        raise LookupError("there is no decision d-9")

    async def together() -> list[Any]:
        given = [log.append([an_entry(about="a")]), log.append_resolved(["d-9"], unknown)]
        given.append(log.append([an_entry(about="b")]))
        return await asyncio.gather(*given, return_exceptions=True)

    with writing(url) as log:
        first, error, last = asyncio.run(together())
    assert (first, str(error), last) == (None, "there is no decision d-9", None)
    assert ids_of(url) == ["a", "b"]
    assert broken_links(url) == []


def test_what_is_decided_upon_counts_as_what_is_appended(url: str) -> None:
    async def wait() -> int:
        given = log.append_resolved([f"d-{number}" for number in range(600)], numbered("d-1"))
        waiting = asyncio.ensure_future(given)
        await asyncio.sleep(0)
        found = log.waiting
        await waiting
        return found

    with writing(url) as log:
        assert asyncio.run(wait()) == 600
        assert log.waiting == 0


def test_a_statement_that_fails_in_a_resolver_harms_nobody_else(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(connection: Connection) -> Resolution:
        connection.execute(text("DELETE FROM entries"))
        connection.execute(text("SELECT no_such_column FROM entries"))
        raise AssertionError

    async def together() -> list[Any]:
        given = [log.append([an_entry(about="a")]), log.append_resolved(["d-9"], mistaken)]
        given.append(log.append([an_entry(about="b")]))
        return await asyncio.gather(*given, return_exceptions=True)

    with writing(url) as log:
        first, error, last = asyncio.run(together())
        assert log.is_up
    assert (first, last) == (None, None)
    assert isinstance(error, LogDown)
    assert str(error) == "the decision log could not answer what was asked; try again later"
    assert "no_such_column" in caplog.text
    assert ids_of(url) == ["a", "b"], "what the resolver did before it failed was not undone"


def test_a_resolver_may_append_nothing(url: str) -> None:
    with writing(url) as log:
        assert asyncio.run(log.append_resolved(["d-1"], lambda _: Resolution([], "unchanged"))) == "unchanged"
    assert entries_of(url) == []


def test_what_a_resolver_returns_that_cannot_be_logged_is_refused(url: str) -> None:
    with writing(url) as log:
        with pytest.raises(ValueError, match="NUL"):
            asyncio.run(log.append_resolved([], lambda _: Resolution([an_entry(about="\0")])))
        append(log, an_entry())
    assert len(entries_of(url)) == 1


def test_a_resolver_sees_what_was_appended_before_it_in_the_same_commit(url: str) -> None:
    async def together() -> list[Any]:
        given = [log.append([an_entry(about="d-1")]) for _ in range(20)]
        return await asyncio.gather(*given, log.append_resolved(["d-1"], numbered("d-1")))

    with writing(url) as log:
        assert asyncio.run(together())[-1] == 20
