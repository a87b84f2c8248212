"""One batch decision with everything that is left of it: from its segment's file, and from the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.decision_log.entries import Kind, Part, canonical
from service.decision_log.reading import Found, Logged, Selection, entries, found_about, reading
from service.decision_log.segments.answers import DECISION, PROBABILITY, REASONS, ROW
from service.decision_log.segments.decisions import as_decision, batch_decisions, batch_id
from service.decision_log.segments.segment import Segment, segment_of
from service.decision_log.segments.store import SegmentStore, use
from service.decision_log.segments.table import PREFIXES


def find_decision(store: SegmentStore, about: str) -> Found | None:
    """Return a batch decision, with its record, and all that was said of it later; None for an unknown id.

    Raises `SegmentDamaged` where its file is not what it should be.
    """
    named = batch_id(about)
    if named is None:
        return None
    with reading(store.address) as connection:
        segment = segment_of(connection, named[0])
        if segment is None or about not in batch_decisions(connection, [about]):
            return None
        said = list(entries(connection, Selection(about=about)))
        said += [item for item in entries(connection, _erasures(segment)) if _is_of(item, named[1])]
    return found_about(use(store, segment, lambda now, path: _decision(now, path, named[1])), said)


def _erasures(segment: Segment) -> Selection:
    return Selection((Kind.ERASURE,), about=segment.id)


def _is_of(erasure: Logged, row: int) -> bool:
    rows = erasure.details.get("rows")
    return rows is None or row in rows


def _decision(segment: Segment, path: Path, row: int) -> Logged:
    values = _row(path, row)
    plain = as_decision(segment.row, row, values[DECISION])
    details = {"segment": segment.id, "row": row, "input": segment.facts.heading.input_name}
    if REASONS in values:
        codes = values[REASONS]
        details["reasons"] = codes.split(";") if codes else []
    digest = bytes.fromhex(segment.sha256)
    there = {part: digest if str(part) in segment.facts.parts else None for part in Part}
    entry = plain.row._replace(
        probability=values[PROBABILITY],
        details=canonical(details),
        # What commits to its record is the digest of the whole file.
        inputs_digest=there[Part.INPUTS],
        personal_digest=there[Part.PERSONAL],
    )
    return Logged(entry, *(_part(segment, values, row, part) for part in Part))


def _part(segment: Segment, values: Mapping[str, Any], row: int, part: Part) -> dict[str, Any] | None:
    erased = segment.erased.get(part, frozenset())
    if str(part) not in segment.facts.parts or erased is None or row in erased:
        return None
    prefix = PREFIXES[part]
    return {
        name.removeprefix(prefix): _plain(value) for name, value in values.items() if name.startswith(prefix)
    }


def _row(path: Path, row: int) -> dict[str, Any]:
    """Return one row of a segment; only the group that it is in is read."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            limits = file.metadata.row_group(group).column(0).statistics
            if limits.min <= row <= limits.max:
                table = file.read_row_group(group)
                found: dict[str, Any] = table.filter(pc.equal(table.column(ROW), row)).to_pylist()[0]
                return found
    raise LookupError(row)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
