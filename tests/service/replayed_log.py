"""Logs of decisions on generated records, made as the service makes them, and made once more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from service.decision_log import Entry, Kind
from service.decision_log.reading import Selection, entries, reading
from service.decision_log.scribe import writing
from service.online.answers import Asked, new_id, scored_entry
from service.replay import Replayed, replay, stored_scorers
from service.scoring.scorer import Scorer
from tests.service.decision_log.written_log import BEGIN, appending

DECISIONS = Selection((Kind.DECISION,))


def logged(url: str, scorers: Iterable[Scorer], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Decide on each record with each scorer in turn, as the service does, and log it; returns the ids."""
    made = list(_decided(list(scorers), rows))
    with writing(url, "tests", BEGIN) as scribe:
        for start in range(0, len(made), 1_000):
            scribe.write(appending(made[start : start + 1_000]))
    return [entry.about for entry in made]


def replayed(url: str, home: Path, **options: Any) -> Replayed:
    """Make every decision of a log again with the bundles of a store."""
    with reading(url) as connection:
        return replay(entries(connection, DECISIONS), stored_scorers(home), **options)


def _decided(scorers: list[Scorer], rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for number, row in enumerate(rows):
        scorer, at = scorers[number % len(scorers)], BEGIN + number
        asked = Asked("request", "core", "en", at)
        yield scored_entry(scorer, Kind.DECISION, new_id(at), row, scorer.score(row), asked)
