"""Batch decisions by their ids, as far as the log itself knows them: no file is opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from sqlalchemy import Connection, select

from service.decision_log.chain import Row
from service.decision_log.entries import Kind, canonical
from service.decision_log.reading import Logged
from service.decision_log.segments.by_row import NONE, code_at, unpack
from service.decision_log.segments.segment import unreadable
from service.decision_log.tables import ENTRIES
from service.scoring.policy import DECISIONS

_ID = re.compile(r"([0-9a-f]{16})-([1-9][0-9]{0,17})", re.ASCII)
_SEGMENTS_AT_ONCE = 50


def decision_id(segment: str, row: int) -> str:
    """Return the id of a batch decision."""
    return f"{segment}-{row}"


def batch_id(about: str) -> tuple[str, int] | None:
    """Return segment and row of what could be the id of a batch decision, None for anything else."""
    found = _ID.fullmatch(about)
    return None if found is None else (found[1], int(found[2]))


def batch_decisions(connection: Connection, abouts: Iterable[str]) -> dict[str, Logged]:
    """Return those of the ids that batch decisions have, each as an entry of its own would tell it.

    Probability, record and reasons stand in the segment's file alone. Raises `LogRefused` for a damaged entry.
    """
    wanted: dict[str, list[int]] = {}
    for segment, row in filter(None, map(batch_id, abouts)):
        wanted.setdefault(segment, []).append(row)
    found: dict[str, Logged] = {}
    for entry in _entries(connection, sorted(wanted)):
        # Registered twice it counts as it was first.
        first_row, packed = _unpacked(entry.about, entry.details)
        for row in wanted.pop(entry.about, ()):
            code = code_at(packed, row - first_row)
            if code != NONE:
                one = as_decision(entry, row, str(DECISIONS[code]))
                found[one.row.about] = one
    return found


def as_decision(entry: Row, row: int, decision: str) -> Logged:
    """Return a batch decision as an entry of its own would tell it, without probability, record and reasons."""
    details = canonical({"segment": entry.about, "row": row})
    about = decision_id(entry.about, row)
    return Logged(
        entry._replace(kind=str(Kind.DECISION), about=about, decision=decision, details=details), None, None
    )


def _entries(connection: Connection, ids: list[str]) -> Iterator[Row]:
    query = select(*ENTRIES.c).where(ENTRIES.c.kind == str(Kind.SEGMENT))
    query = query.order_by(ENTRIES.c.at, ENTRIES.c.writer, ENTRIES.c.seq)
    for start in range(0, len(ids), _SEGMENTS_AT_ONCE):
        some = query.where(ENTRIES.c.about.in_(ids[start : start + _SEGMENTS_AT_ONCE]))
        yield from (Row(*row) for row in connection.execute(some))


# Whoever tells a file of outcomes asks for the same few segments again and again.
@lru_cache(maxsize=32)
def _unpacked(about: str, details: str) -> tuple[int, bytes]:
    try:
        body = json.loads(details)
        return int(body["heading"]["first_row"]), unpack(body["by_row"])
    except (ValueError, TypeError, KeyError):
        raise unreadable(about, "it holds no decisions by row") from None
