"""Counting what the log holds, step by step: each step is one transaction, and the next one goes on behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Connection

from service.decision_log.reading import reading
from service.decision_log.segments.store import SegmentStore
from service.monitoring.cells import Cells
from service.monitoring.database import open_database
from service.monitoring.decisions import DecisionsRollup
from service.monitoring.inputs import InputsRollup
from service.monitoring.rollups import NOTHING, Position, RollupStore
from service.monitoring.unread import AnotherLog, Block, OpenLog, next_block, unread
from service.scoring.scorer import Scorer

# Entries of one step. Where somebody waits for answers beside it, steps are short.
ENTRIES_AT_ONCE = 20_000


class Rollup(Protocol):
    """A way of counting; name: under which it is stored."""

    @property
    def name(self) -> str: ...

    def count(self, block: Block) -> Cells:
        """Return what a block's entries come to."""
        ...


def rollups_of(scorer: Scorer) -> tuple[Rollup, ...]:
    """Return everything that is counted for a bundle: what was decided, and the inputs in its own bins."""
    return DecisionsRollup(), InputsRollup(scorer)


def catch_up(address: str, log: SegmentStore, scorer: Scorer) -> None:
    """Count all that the log holds now into the database of monitoring at `address` (`Settings.monitoring`).

    Safe to break off, and to be done by several at once. Raises `MonitoringDown`, and `LogRefused` for a log that
    cannot be read.
    """
    database = open_database(address)
    try:
        store = RollupStore(database, scorer.contract.use_case)
        for rollup in rollups_of(scorer):
            follow(rollup, store, log, scorer.contract.use_case)
    finally:
        database.engine.dispose()


def follow(
    rollup: Rollup,
    store: RollupStore,
    log: SegmentStore,
    use_case: str,
    at_once: int = ENTRIES_AT_ONCE,
    goes_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Count what was not counted yet, and return whether nothing is left.

    goes_on: asked after every step, of `at_once` entries or one batch run's segment. A log in the place of the one that
    was counted is counted from its beginning.
    """
    position = store.position(rollup.name)
    while True:
        try:
            block, cells = _next(rollup, log, use_case, position, at_once)
        except AnotherLog:
            store.start_anew(rollup.name, position)
            position = store.position(rollup.name)
            continue
        if block is None:
            return True
        if store.count(rollup.name, position, block.writer, block.last, cells):
            position = position.moved(block.writer, block.last)
        else:
            position = store.position(rollup.name)
        if not goes_on():
            return False


def behind(store: RollupStore, log: SegmentStore, rollups: Sequence[Rollup]) -> int:
    """Return how many entries of the log are not counted, by the rollup that is furthest behind.

    Raises `MonitoringDown`, and `LogRefused` for a log that cannot be read.
    """
    with reading(log.address) as connection:
        return max(_left(store.position(rollup.name), connection) for rollup in rollups)


def _left(position: Position, connection: Connection) -> int:
    try:
        return sum(stretch.last - stretch.after for stretch in unread(connection, position))
    except AnotherLog:
        return _left(NOTHING, connection)


def _next(
    rollup: Rollup, log: SegmentStore, use_case: str, position: Position, at_once: int
) -> tuple[Block | None, Cells]:
    with reading(log.address) as connection:
        stretches = unread(connection, position)
        if not stretches:
            return None, {}
        block = next_block(OpenLog(connection, log, use_case), position, stretches[0], at_once)
        return block, rollup.count(block)
