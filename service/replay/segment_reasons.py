"""Reasons of batch decisions that were made without them, computed afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from service.decision_log.reading import reading
from service.decision_log.segments.answers import row_numbers
from service.decision_log.segments.decisions import decision_id
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Segment, segments
from service.decision_log.segments.store import SegmentDamaged, SegmentStore, use
from service.decision_log.segments.table import records
from service.replay.comparing import reasons_at, same_answers
from service.replay.loading import Loaded, Loader, loaded
from service.replay.segments import Asked, left_of
from service.scoring.policy import DECISIONS
from service.scoring.reasons import Reason
from service.scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision that was not an approval, and its reasons, the strongest first."""

    decision_id: str
    model: str
    policy: str
    probability: float
    decision: str
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class ReasonsGiven:
    """What became of the decisions that were asked about.

    had: were made with reasons. approved: need none. erased: their record is gone. different: come out otherwise now,
    so that these reasons would be another decision's. unavailable: by what could not be loaded, and why.
    """

    decisions: int = 0
    given: int = 0
    had: int = 0
    approved: int = 0
    erased: int = 0
    different: int = 0
    unavailable: Counter[str] = field(default_factory=Counter)

    def join(self, other: ReasonsGiven) -> None:
        """Add what became of other decisions."""
        for name in ("decisions", "given", "had", "approved", "erased", "different"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unavailable.update(other.unavailable)

    @property
    def holds(self) -> bool:
        """Whether every decision that needs reasons, and whose record is there, has them."""
        return not (self.different or self.unavailable)


def give_reasons(
    store: SegmentStore,
    asked: Asked,
    load: Loader,
    *,
    each: Callable[[Explained], None],
    progress: Callable[[int], None] = lambda _: None,
) -> ReasonsGiven:
    """Tell `each` the reasons of every batch decision that has none and is no approval, in the order of the segments.

    Each record is scored again first: only what comes out bit for bit as it was logged is explained.
    """
    done = ReasonsGiven()
    scorers = cache(partial(loaded, load))
    with reading(store.address) as connection:
        for segment in segments(connection, asked.chosen):
            by = scorers(segment.row.model, segment.row.policy)
            found, explained = _of_segment(store, segment, asked, by)
            done.join(found)
            for item in explained:
                each(item)
            progress(done.decisions)
    return done


def _of_segment(
    store: SegmentStore, segment: Segment, asked: Asked, by: Loaded
) -> tuple[ReasonsGiven, list[Explained]]:
    count = asked.count(segment)
    if segment.facts.reasons:
        return ReasonsGiven(count, had=count), []
    if by.scorer is None:
        return ReasonsGiven(count, unavailable=Counter({by.why_not: count})), []
    try:
        return use(store, segment, partial(_of_file, asked=asked, by=by))
    except SegmentDamaged as error:
        return ReasonsGiven(count, unavailable=Counter({str(error): count})), []


def _of_file(segment: Segment, path: Path, asked: Asked, by: Loaded) -> tuple[ReasonsGiven, list[Explained]]:
    done, explained = ReasonsGiven(), list[Explained]()
    for block in map(asked.of, blocks(path)):
        left = left_of(segment, block, by.needs)
        done.decisions += block.num_rows
        done.erased += block.num_rows - left.num_rows
        if left.num_rows and by.scorer is not None:
            explained += _of_block(segment, left, by.scorer, done)
    return done, explained


def _of_block(segment: Segment, block: pa.Table, scorer: Scorer, done: ReasonsGiven) -> list[Explained]:
    scored = scorer.score_table(records(block), text=segment.facts.heading.text)
    same = same_answers(block, scored)
    if scorer.contract.version != segment.row.contract:
        same[:] = False
    approved = same & (scored.decisions == 0)
    places = np.flatnonzero(same & ~approved)
    done.different += int((~same).sum())
    done.approved += int(approved.sum())
    done.given += len(places)
    numbers, reasons = row_numbers(block), reasons_at(scorer, scored, places)
    return [
        Explained(
            decision_id(segment.id, int(numbers[place])),
            segment.row.model,
            segment.row.policy,
            float(scored.probabilities[place]),
            str(DECISIONS[scored.decisions[place]]),
            why,
        )
        for place, why in zip(places.tolist(), reasons, strict=True)
    ]
