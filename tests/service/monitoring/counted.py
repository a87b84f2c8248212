"""Logs of a small use case whose decisions are made by its scorer, and what there is to count in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from service.decision_log import Entry, Kind
from service.decision_log.segments.store import SegmentStore
from service.decision_log.statements import iso
from service.monitoring.cells import Cells, Counts, Of, add
from service.monitoring.database import open_database
from service.monitoring.following import Rollup, follow, rollups_of
from service.monitoring.rollups import RollupStore
from service.online.answers import Asked, scored_entry
from service.places import place_of
from service.scoring.policy import DECISIONS
from service.scoring.scorer import Scorer
from tests.service.batch.batch_scorers import linear_predictor, make_scorer, random_table

SCORER = make_scorer(linear_predictor())
USE_CASE = SCORER.contract.use_case
HOUR = 3_600_000_000
DAY = 24 * HOUR
# Midnight of 2026-11-02, a Monday, in UTC.
MONDAY = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp() * 1e6)


def decisions(
    rows: int = 60, *, seed: int = 1, every: int = HOUR, begin: int = MONDAY, scorer: Scorer = SCORER
) -> list[Entry]:
    """Decisions with the ids `d0`, `d1`, … (and the seed), one after the other."""
    records = random_table(rows, seed).to_pylist()
    return [
        decision(record, f"d{number}" if seed == 1 else f"d{number}-{seed}", begin + number * every, scorer)
        for number, record in enumerate(records)
    ]


def decision(record: dict[str, Any], about: str, at: int = MONDAY, scorer: Scorer = SCORER) -> Entry:
    """The decision on one record, as the online door logs it."""
    asked = Asked("request", "key", "en", at)
    return scored_entry(scorer, Kind.DECISION, about, record, scorer.score(record), asked)


def outcome(about: str, *, bad: bool, correction: int = 0, at: int = MONDAY + 30 * DAY) -> Entry:
    """What happened after a decision, as it is told."""
    details = {
        "outcome": int(bad),
        "bad": bad,
        "observed_at": iso(at),
        "source": "tests",
        "correction": correction,
    }
    return Entry(Kind.OUTCOME, at, USE_CASE, about, contract=SCORER.contract.version, details=details)


def refusal(at: int = MONDAY) -> Entry:
    """A record that was refused."""
    return Entry(
        Kind.REFUSAL,
        at,
        USE_CASE,
        f"r{at}",
        model=SCORER.tag,
        policy=SCORER.policy.version,
        contract=SCORER.contract.version,
        details={"findings": [["age", "range"]]},
    )


def shadow(of: Entry, decided: str, probability: float, model: str = "small_loans:shadow") -> Entry:
    """What another bundle said of the same record."""
    return Entry(Kind.SHADOW, of.at, USE_CASE, of.about, probability, decided, model)


def count(
    monitoring: str, log: SegmentStore, at_once: int = 1_000, rollups: Sequence[Rollup] | None = None
) -> RollupStore:
    """Count what a log holds."""
    store = RollupStore(open_database(monitoring), USE_CASE)
    for rollup in rollups_of(SCORER) if rollups is None else rollups:
        assert follow(rollup, store, log, USE_CASE, at_once)
    return store


def log_at(url: str, folder: Path | None = None) -> SegmentStore:
    """A log, with its segments in a folder."""
    return SegmentStore(url, place_of(str(folder or Path("/no/such/folder"))))


def cells_of(store: RollupStore) -> Cells:
    """Everything that was counted."""
    found: Cells = {}
    for rollup in rollups_of(SCORER):
        found |= store.cells(rollup.name, 0, 100_000)
    return found


def whole(store: RollupStore, kind: Of, **of: str) -> Counts:
    """Everything of one kind, added up over the days and whatever it is held apart by, but what is given."""
    found: Cells = {}
    key: Any = kind
    for cell, counts in cells_of(store).items():
        if cell.of is kind and all(getattr(cell, name) == value for name, value in of.items()):
            add(found, key, counts)
    return found.get(key, {})


def plain(store: RollupStore) -> dict[Any, dict[str, list[float]]]:
    """Everything that was counted, as lists, to be compared; sums to nine places."""
    return {
        cell: {name: np.round(values, 9).tolist() for name, values in sorted(counts.items())}
        for cell, counts in cells_of(store).items()
    }


def by_decision(entries: Sequence[Entry]) -> list[int]:
    """How many entries decided each way."""
    return [sum(entry.decision == decided for entry in entries) for decided in DECISIONS]


def inputs_of(entries: Sequence[Entry]) -> dict[str, Any]:
    """The inputs of decisions, each encoded by itself, in columns by name."""
    rows = []
    for entry in entries:
        record = {**(entry.record.inputs or {}), **(entry.record.personal or {})}
        rows.append(SCORER.encoder.encode_record(SCORER.validator.check_record(record)))
    return dict(zip(SCORER.contract.inputs, np.array(rows).T, strict=True))


def as_table(entries: Sequence[Entry]) -> pa.Table:
    """The records of decisions as a file has them."""
    return pa.Table.from_pylist(
        [{**(entry.record.inputs or {}), **(entry.record.personal or {})} for entry in entries]
    )
