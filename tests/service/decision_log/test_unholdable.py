"""What a database refuses for what it is: no other entry, and no spool, may suffer from it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest

from service.decision_log import Entry, LogDown, Record
from service.decision_log.address import reading_engine
from service.decision_log.subjects import find_abouts
from service.decision_log.tables import RECORDS
from tests.postgres import Postgres
from tests.service.decision_log.logs import (
    an_entry,
    append,
    broken_links,
    ids_of,
    stored,
    wait_until,
    writing,
)


def unholdable() -> Entry:
    """An entry about an id that is longer than what PostgreSQL's index of them holds."""
    return an_entry(about=secrets.token_urlsafe(9000))


def test_the_longest_ids_there_can_be_are_kept_and_found(url: str) -> None:
    # Each character is 12 bytes in the log's ASCII.
    letters = [chr(0x10000 + secrets.randbelow(0x100000)) for _ in range(600)]
    ids = {f"id_{number}": "".join(letters[number * 200 : number * 200 + 200]) for number in range(3)}
    with writing(url) as log:
        append(log, an_entry(about="d-1", record=Record(None, ids, ids)), an_entry())
    with reading_engine(url).connect() as connection:
        assert find_abouts(connection, [ids], id_columns=ids) == [{"d-1"}]
    assert max(len(row.subject or "") for row in stored(url, RECORDS)) > 7200


@pytest.mark.parametrize("place", [0, 3, 6])
def test_of_a_group_only_the_entry_that_no_database_can_hold_is_refused(
    postgres: Postgres, tmp_path: Path, place: int
) -> None:
    async def together(entries: Sequence[Entry]) -> list[bytes | BaseException | None]:
        return await asyncio.gather(*(log.append([entry]) for entry in entries), return_exceptions=True)

    url = postgres.new_url()
    entries = [an_entry(about=str(number)) for number in range(6)]
    entries.insert(place, unholdable())
    with writing(url, tmp_path, "open") as log:
        answers = asyncio.run(together(entries))
        assert (log.trouble, log.spooled) == (None, 0)
        append(log, an_entry(about="6"))
    assert str(answers.pop(place)) == "the decision log cannot hold this: ProgramLimitExceeded"
    assert answers == [None] * 6
    assert ids_of(url) == list("0123456")
    assert broken_links(url) == []


def test_an_entry_that_no_database_can_hold_is_refused_where_nothing_is_spooled(postgres: Postgres) -> None:
    url = postgres.new_url()
    with writing(url) as log:
        with pytest.raises(LogDown, match="the decision log cannot hold this: ProgramLimitExceeded"):
            append(log, unholdable())
        assert log.is_up
        append(log, an_entry(about="1"))
    assert (ids_of(url), broken_links(url)) == (["1"], [])


@pytest.mark.parametrize("ended", [False, True])
def test_of_a_spool_only_the_line_that_no_database_can_hold_is_set_aside(
    postgres: Postgres, tmp_path: Path, caplog: pytest.LogCaptureFixture, ended: bool
) -> None:
    url, bad = postgres.new_url(), unholdable()
    with caplog.at_level(logging.ERROR), writing(url, tmp_path, "open") as log:
        postgres.stop()
        try:
            for entry in (an_entry(about="1"), bad, an_entry(about="2")):
                append(log, entry)
            assert log.spooled == 3
            if ended:
                assert log.close()
        finally:
            postgres.start()
        if ended:
            with writing(url, tmp_path):
                wait_until(lambda: not list(tmp_path.glob("*.spool")))
        else:
            wait_until(lambda: log.spooled == 0 and log.trouble is None)
            append(log, an_entry(about="3"))
        assert ids_of(url) == (["1", "2"] if ended else ["1", "2", "3"])
    (aside,) = tmp_path.iterdir()
    assert (aside.name, aside.stat().st_mode & 0o777) == (f"{log.head.writer}.entries.refused", 0o600)
    header, line = aside.read_text().splitlines()
    assert log.head.writer in header
    assert bad.about in line
    assert f"cannot hold 1 entries of writer {log.head.writer} that were spooled" in caplog.text
