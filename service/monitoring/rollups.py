"""The rollups as they are stored: what was counted, and up to where. What both say changes in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select, update

from service.monitoring.cells import Cell, Cells, Counts, Of, add, from_json, to_json
from service.monitoring.database import Database, insertion
from service.monitoring.tables import FOLLOWERS, POSITIONS, ROLLUPS

Seqs = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Position:
    """Up to which entry of each writer of the log a rollup has counted; version: how often it was added to."""

    version: int
    seqs: Seqs

    def moved(self, writer: str, seq: int) -> Position:
        """Return the position after one more step."""
        return Position(self.version + 1, {**self.seqs, writer: seq})


NOTHING = Position(0, {})


class RollupStore:
    """The rollups of one use case, each by its name; threads and processes may share it.

    Every method raises `MonitoringDown` where the database cannot be used.
    """

    def __init__(self, database: Database, use_case: str) -> None:
        self._database = database
        self._use_case = use_case

    def position(self, rollup: str) -> Position:
        """Return up to where a rollup has counted; one that is new has counted nothing."""
        with self._database.reading() as connection:
            version = connection.scalar(select(FOLLOWERS.c.version).where(*self._of(FOLLOWERS, rollup)))
            seqs = select(POSITIONS.c.writer, POSITIONS.c.seq).where(*self._of(POSITIONS, rollup))
            return Position(version or 0, {row.writer: row.seq for row in connection.execute(seqs)})

    def count(self, rollup: str, seen: Position, writer: str, seq: int, cells: Cells) -> bool:
        """Add what a writer's entries up to `seq` come to, and return whether that was done.

        It is not where somebody else has counted since the position was `seen`: then nothing has changed.
        """
        with self._database.writing() as connection:
            if not self._take_turn(connection, rollup, seen.version):
                return False
            self._add(connection, rollup, cells)
            self._upsert(connection, POSITIONS, {"rollup": rollup, "writer": writer, "seq": seq}, "seq")
            return True

    def start_anew(self, rollup: str, seen: Position) -> bool:
        """Forget what was counted, unless somebody else has counted since the position was `seen`."""
        with self._database.writing() as connection:
            if not self._take_turn(connection, rollup, seen.version):
                return False
            for table in (POSITIONS, ROLLUPS):
                connection.execute(delete(table).where(*self._of(table, rollup)))
            return True

    def lease(self, rollup: str, holder: str, now: int, until: int) -> bool:
        """Return whether `holder` is the one that may count until then, so that not all processes do the same.

        now, until: microseconds since 1970, UTC. Who counts in spite of it counts nothing twice.
        """
        free = or_(FOLLOWERS.c.holder == holder, FOLLOWERS.c.until < now)
        with self._database.writing() as connection:
            self._expect_row(connection, rollup)
            taken = update(FOLLOWERS).where(and_(*self._of(FOLLOWERS, rollup)), free)
            return connection.execute(taken.values(holder=holder, until=until)).rowcount == 1

    def cells(self, rollup: str, first_day: int, last_day: int) -> Cells:
        """Return what was counted for some days, the last one included."""
        names = ("kind", "day", "model", "policy", "source", "counts")
        query = select(*(ROLLUPS.c[name] for name in names)).where(*self._of(ROLLUPS, rollup))
        query = query.where(ROLLUPS.c.day.between(first_day, last_day))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(ROLLUPS.c.day)).all()
        return {Cell(Of(kind), *cell): from_json(counts) for kind, *cell, counts in rows}

    def every(self, rollup: str, of: Of) -> Iterator[Counts]:
        """Yield all that was counted of one kind, whatever day, cell by cell."""
        query = select(ROLLUPS.c.counts).where(*self._of(ROLLUPS, rollup), ROLLUPS.c.kind == str(of))
        with self._database.reading() as connection:
            texts = connection.scalars(query).all()
        yield from map(from_json, texts)

    def forget(self, kept: str, before: int) -> None:
        """Delete the rollups but `kept` of its kind that nobody has held since then (microseconds since 1970, UTC).

        The kind is what stands before the colon of a name.
        """
        kind = kept.partition(":")[0]
        query = select(FOLLOWERS.c.rollup).where(FOLLOWERS.c.use_case == self._use_case)
        with self._database.reading() as connection:
            names = connection.scalars(
                query.where(FOLLOWERS.c.until < before, FOLLOWERS.c.rollup != kept)
            ).all()
        old = [name for name in names if name.partition(":")[0] == kind]
        if old:
            with self._database.writing() as connection:
                for table in (POSITIONS, ROLLUPS, FOLLOWERS):
                    ours = table.c.use_case == self._use_case
                    connection.execute(delete(table).where(ours, table.c.rollup.in_(old)))

    def _take_turn(self, connection: Connection, rollup: str, version: int) -> bool:
        """Raise the version, and return whether it was the one seen; in PostgreSQL others wait here for the commit."""
        self._expect_row(connection, rollup)
        turn = update(FOLLOWERS).where(*self._of(FOLLOWERS, rollup), FOLLOWERS.c.version == version)
        return connection.execute(turn.values(version=version + 1)).rowcount == 1

    def _expect_row(self, connection: Connection, rollup: str) -> None:
        row = {"use_case": self._use_case, "rollup": rollup, "version": 0, "holder": "", "until": 0}
        connection.execute(insertion(connection, FOLLOWERS).values(row).on_conflict_do_nothing())

    def _add(self, connection: Connection, rollup: str, cells: Cells) -> None:
        for cell, counts in cells.items():
            key = _key(rollup, cell)
            same = [ROLLUPS.c[name] == value for name, value in key.items()]
            found = select(ROLLUPS.c.counts).where(ROLLUPS.c.use_case == self._use_case, *same)
            text = connection.scalar(found)
            together: Cells = {} if text is None else {cell: from_json(text)}
            add(together, cell, counts)
            self._upsert(connection, ROLLUPS, {**key, "counts": to_json(together[cell])}, "counts")

    def _upsert(self, connection: Connection, table: Any, row: dict[str, Any], changed: str) -> None:
        statement = insertion(connection, table).values(use_case=self._use_case, **row)
        keys = [column.name for column in table.primary_key]
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_={changed: row[changed]}))

    def _of(self, table: Any, rollup: str) -> tuple[Any, ...]:
        return table.c.use_case == self._use_case, table.c.rollup == rollup


def _key(rollup: str, cell: Cell) -> dict[str, Any]:
    return {
        "rollup": rollup,
        "kind": str(cell.of),
        "day": cell.day,
        "model": cell.model,
        "policy": cell.policy,
        "source": str(cell.source),
    }
