"""Brings spooled groups into the store: a process its own after an outage, and those that dead processes have left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from service.decision_log.errors import LogRefused
from service.decision_log.spool import ENDING, Spool, SpooledGroup, take_over
from service.decision_log.store import Store, WriterFacts, is_of_data

# Entries of one transaction: what is submitted meanwhile waits for it.
REPLAYED_AT_ONCE = 500
_LOG = logging.getLogger(__name__)


def replay(store: Store, facts: WriterFacts, groups: Sequence[SpooledGroup], now: int) -> int:
    """Bring spooled groups into the store in one transaction, what it has already excepted; return how many entries.

    Raises `LogRefused` where the store holds other entries in their places.
    """
    rows = [row for group in groups for row in group.rows]
    if not rows:
        return 0
    try:
        store.begin()
        store.register(facts, now)
        there = store.hashes(facts.id, rows[0].seq, rows[-1].seq)
        if any(there.get(row.seq, row.hash) != row.hash for row in rows):
            raise LogRefused(f"the decision log holds other entries of writer {facts.id} than its spool")
        store.insert(
            [row for row in rows if row.seq not in there],
            [part for group in groups for part in group.parts if part.seq not in there],
        )
        for group in groups:
            store.keep_claims(group.claims)
        store.commit()
    finally:
        store.rollback()
    return len(rows)


def replay_next(store: Store, spool: Spool) -> int:
    """Bring the first groups of a spool into the store and drop them; return how many entries those were.

    Groups that no database can hold are set aside, and the rest go on without them. Raises what the driver does, and
    `LogRefused` for a spool that is damaged or that the store contradicts.
    """
    groups = list(spool.read(REPLAYED_AT_ONCE))
    now = time.time_ns() // 1000
    try:
        replay(store, spool.facts, groups, now)
    except DBAPIError as error:
        if not is_of_data(error):
            raise
        _refuse(spool, [group for group in groups if not _can_be_held(store, spool.facts, group, now)])
    spool.drop(groups)
    return sum(len(group.rows) for group in groups)


def replay_left(folder: Path, connect: Callable[[], Store]) -> None:
    """Bring into the store what dead processes have spooled, and delete their files.

    What cannot be brought there now stays for the next time. Raises what `connect` does.
    """
    for path in sorted(folder.glob(f"*{ENDING}")):
        try:
            spool = take_over(path)
        except LogRefused as error:
            _LOG.error("%s", error)
            continue
        if spool is not None:
            _replay_all(spool, connect)


def _can_be_held(store: Store, facts: WriterFacts, group: SpooledGroup, now: int) -> bool:
    try:
        replay(store, facts, [group], now)
    except DBAPIError as error:
        if not is_of_data(error):
            raise
        return False
    return True


def _refuse(spool: Spool, groups: Sequence[SpooledGroup]) -> None:
    _LOG.error(
        "the decision log cannot hold %d entries of writer %s that were spooled; they were set aside in %s",
        sum(len(group.rows) for group in groups),
        spool.facts.id,
        spool.refuse(groups),
    )


def _replay_all(spool: Spool, connect: Callable[[], Store]) -> None:
    entries, store = 0, None
    try:
        store = connect()
        while replayed := replay_next(store, spool):
            entries += replayed
    except LogRefused as error:
        _LOG.error("%s; it was set aside as %s", error, spool.set_aside())
    except BaseException:
        spool.close(keep=True)
        raise
    else:
        spool.close(keep=False)
        _LOG.warning("%d entries of a process that ended were brought into the decision log", entries)
    finally:
        if store is not None:
            store.close()
