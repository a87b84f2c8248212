"""Retention: parts of records are erased when they are old enough, and one entry per run says before which times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Select, and_, func, or_, select

from service.decision_log.entries import Entry, Kind, Part
from service.decision_log.erasure import (
    RETENTION,
    AnswerKey,
    PartKey,
    delete_answers,
    delete_parts,
)
from service.decision_log.orders import Resolution, Resolve
from service.decision_log.reading import reading
from service.decision_log.scribe import Scribe
from service.decision_log.streams import stream
from service.decision_log.tables import CLAIMS, ENTRIES, RECORDS

Item = TypeVar("Item")
# Few enough that no service waits long for its turn to write.
DELETED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Retention:
    """What is too old: parts of records of entries before a time each, and answers kept for idempotency keys.

    before, answers_before, now: microseconds since 1970, UTC. use_case: None for all; it does not bound answers.
    """

    before: Mapping[Part, int]
    by: str
    now: int
    use_case: str | None = None
    answers_before: int | None = None


@dataclass(slots=True)
class Retained:
    """How much was due when the run began, and how much of it this run erased: another may have been quicker."""

    due: dict[str, int]
    erased: dict[str, int] = field(default_factory=dict)


def due(connection: Connection, retention: Retention) -> dict[str, int]:
    """Return how many parts of records and kept answers are too old, by `inputs`, `personal` and `answers`."""
    found = {str(part): 0 for part in retention.before}
    counted = _due(retention).with_only_columns(RECORDS.c.part, func.count(), maintain_column_froms=True)
    found |= {row[0]: row[1] for row in connection.execute(counted.group_by(RECORDS.c.part))}
    if retention.answers_before is not None:
        old = select(func.count()).select_from(CLAIMS).where(CLAIMS.c.at < retention.answers_before)
        found["answers"] = connection.scalar(old) or 0
    return found


def retain(
    address: str,
    scribe: Scribe,
    retention: Retention,
    progress: Callable[[int], None] = lambda _: None,
) -> Retained:
    """Erase what is too old, a thousand rows in a transaction, after one entry that says so.

    Where nothing is due nothing is written. Broken off, it is finished by the next run; two at once divide the work.
    `progress` is told how many rows were erased so far.
    """
    with reading(address) as connection:
        done = Retained(due(connection, retention))
        if not any(done.due.values()):
            return done
        # Said first: what is erased while the run is broken off is accounted for.
        scribe.write(lambda _: Resolution([_entry(retention, done.due)]))
        for parts in _batches(_parts(connection, retention)):
            for name, count in scribe.write(_deletion(parts)).items():
                done.erased[name] = done.erased.get(name, 0) + count
            progress(sum(done.erased.values()))
        for answers in _batches(_answers(connection, retention)):
            count = scribe.write(_forgetting(answers))
            done.erased["answers"] = done.erased.get("answers", 0) + count
    return done


def _entry(retention: Retention, counts: Mapping[str, int]) -> Entry:
    details = {
        "before": {str(part): at for part, at in retention.before.items()},
        "answers_before": retention.answers_before,
        "due": dict(counts),
        "because": "retention",
        "by": retention.by,
    }
    return Entry(
        kind=Kind.ERASURE,
        at=retention.now,
        use_case=retention.use_case or "",
        about=RETENTION,
        details=details,
    )


def _due(retention: Retention) -> Select[str, int, str]:
    same = and_(RECORDS.c.writer == ENTRIES.c.writer, RECORDS.c.seq == ENTRIES.c.seq)
    query = select(RECORDS.c.writer, RECORDS.c.seq, RECORDS.c.part).join_from(RECORDS, ENTRIES, same)
    old = [and_(RECORDS.c.part == str(part), ENTRIES.c.at < at) for part, at in retention.before.items()]
    query = query.where(or_(*old)) if old else query.where(RECORDS.c.part.is_(None))
    return query if retention.use_case is None else query.where(ENTRIES.c.use_case == retention.use_case)


def _parts(connection: Connection, retention: Retention) -> Iterator[PartKey]:
    return ((writer, seq, part) for writer, seq, part in stream(connection, _due(retention)))


def _answers(connection: Connection, retention: Retention) -> Iterator[AnswerKey]:
    if retention.answers_before is None:
        return iter(())
    query = select(CLAIMS.c.scope, CLAIMS.c.key).where(CLAIMS.c.at < retention.answers_before)
    return ((scope, bytes(key)) for scope, key in stream(connection, query))


def _deletion(keys: list[PartKey]) -> Resolve:
    def resolve(connection: Connection) -> Resolution:
        by_part = {part: [key for key in keys if key[2] == part] for part in sorted({key[2] for key in keys})}
        return Resolution((), {part: delete_parts(connection, some) for part, some in by_part.items()})

    return resolve


def _forgetting(keys: list[AnswerKey]) -> Resolve:
    def resolve(connection: Connection) -> Resolution:
        return Resolution((), delete_answers(connection, keys))

    return resolve


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    while batch := list(islice(items, DELETED_AT_ONCE)):
        yield batch
