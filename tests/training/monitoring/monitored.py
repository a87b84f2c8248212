"""Decisions to be watched: made as the service makes them, at moments that a test chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from service.decision_log import Entry, Kind
from service.decision_log.scribe import writing
from service.decision_log.segments.store import SegmentStore
from service.decision_log.statements import iso
from service.online.answers import Asked, new_id, scored_entry
from service.places import place_of
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Outcome
from service.scoring.scorer import Scorer
from tests.service.decision_log.written_log import appending
from training.monitoring.observed import Observed, Refused
from training.use_cases import use_cases

DAY = 86_400_000_000
# 2026-11-21T00:00:00Z
NOW = 1_795_219_200_000_000
NOTHING_REFUSED = Refused(0, {})


def store_in(folder: Path) -> SegmentStore:
    """A log in a folder, which is made when it is first written."""
    return SegmentStore(f"sqlite:///{folder / 'decisions.db'}", place_of(str(folder / "segments")))


def cases(use_case: str, rows: int, seed: int = 11) -> list[dict[str, Any]]:
    """Generated records of a use case as JSON has them, without their outcomes."""
    case = use_cases()[use_case]
    table = case.sample(rows, seed=seed).drop(columns=case.contract.outcome.name)
    return as_json(table)


def as_json(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON has them."""
    made: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return made


def decide(
    store: SegmentStore,
    scorer: Scorer,
    rows: Sequence[Mapping[str, Any]],
    days: tuple[float, float],
    now: int = NOW,
) -> list[str]:
    """Decide on records, evenly over a stretch of days before a moment, and log it; returns the ids."""
    since, until = (now - int(day * DAY) for day in days)
    moments = np.linspace(since, until, len(rows), endpoint=False).astype(np.int64).tolist()
    made = [decision(scorer, row, at) for row, at in zip(rows, moments, strict=True)]
    append(store, made)
    return [entry.about for entry in made]


def refuse(
    store: SegmentStore, scorer: Scorer, findings: Sequence[tuple[str, str]], count: int, day: float
) -> None:
    """Log so many records that were refused for these fields and codes, a day before `NOW`."""
    at = NOW - int(day * DAY)
    entry = Entry(
        Kind.REFUSAL, at, scorer.contract.use_case, "", model=scorer.tag, details={"findings": list(findings)}
    )
    append(store, [replace(entry, about=new_id(at)) for _ in range(count)])


def append(store: SegmentStore, entries: Sequence[Entry]) -> None:
    """Append entries to the log."""
    with writing(store.address, "tests", NOW) as scribe:
        for start in range(0, len(entries), 2_000):
            scribe.write(appending(entries[start : start + 2_000]))


def decision(scorer: Scorer, row: Mapping[str, Any], at: int) -> Entry:
    """What the log keeps of a record that was decided at a moment."""
    return scored_entry(
        scorer, Kind.DECISION, new_id(at), row, scorer.score(row), Asked("r", "core", "en", at)
    )


def observed(scorer: Scorer, matrix: FloatArray, refused: Refused = NOTHING_REFUSED) -> Observed:
    """Decisions of one model on encoded inputs (rows, inputs), as if the log had them."""
    probabilities = scorer.score_matrix(matrix)
    return Observed(
        matrix=matrix,
        probabilities=probabilities,
        decisions=scorer.policy.decide_all(probabilities),
        at=np.arange(len(matrix), dtype=np.int64),
        about=[str(row) for row in range(len(matrix))],
        models=(scorer.tag,),
        model_codes=np.zeros(len(matrix), np.int16),
        erased=0,
        refused=refused,
    )


def inputs(scorer: Scorer, rows: int, seed: int = 11) -> FloatArray:
    """Encoded inputs (rows, inputs) of generated cases."""
    case = use_cases()[scorer.contract.use_case]
    table = pa.Table.from_pandas(case.sample(rows, seed=seed), preserve_index=False)
    return scorer.encoder.encode_table(scorer.validator.check_table(table).values)


def tell(store: SegmentStore, scorer: Scorer, abouts: Sequence[str], bad: Sequence[bool], day: float) -> None:
    """Log outcomes of decisions, told a day before `NOW`."""
    outcome, at = scorer.contract.outcome, NOW - int(day * DAY)
    append(
        store,
        [_outcome(outcome, scorer.contract.use_case, *pair, at) for pair in zip(abouts, bad, strict=True)],
    )


def _outcome(outcome: Outcome, use_case: str, about: str, bad: bool, at: int) -> Entry:
    value = (outcome.bad if bad else outcome.good)[0]
    details = {"outcome": value, "bad": bad, "observed_at": iso(at), "source": "", "correction": 0}
    return Entry(Kind.OUTCOME, at, use_case, about, details=details)
