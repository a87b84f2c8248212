"""Checks every segment that the log knows: its file is there and unaltered, and nothing else is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from service.decision_log.chain import Row
from service.decision_log.reading import reading
from service.decision_log.segments.answers import DECISION, PROBABILITY, ROW, Answers
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Segment, segments
from service.decision_log.segments.staging import present
from service.decision_log.segments.store import SegmentStore, use
from service.decision_log.verify import Discrepancy, Verification, endure_any_text
from service.errors import AvalError

# Seconds that an erasure has from its entry to the removal of what it erased.
PATIENCE = 5.0


def verify_segments(
    store: SegmentStore, done: Verification, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Add to `done` what there is to say of the segments.

    Nothing that a run or an erasure does at the same time is taken for an alteration: a file is hidden until its entry
    is there, an erasure's entry comes before the removal of the file that it replaces, and a file that is not what was
    expected is held against the log as it is then. `progress` is told how many rows were checked.
    """
    # Before the log is read: whatever has its own name by now is in it.
    listed = {item.name for item in store.place.list()}
    check = _Check(store, done)
    with reading(store.address) as connection:
        endure_any_text(connection)
        for segment in segments(connection, tell=check.tell):
            check.segment(segment)
            progress(done.segment_rows)
    for name in sorted(listed - check.known):
        done.add(
            Discrepancy("", 0, "", f"{store.place.uri}/{name} is the file of no segment: it was put there")
        )


class _Check:
    """Checks one segment after the other; known: names of files that the log accounts for."""

    def __init__(self, store: SegmentStore, done: Verification) -> None:
        self._store, self._done = store, done
        self.known: set[str] = set()

    def segment(self, segment: Segment) -> None:
        """Check a segment's file."""
        self._done.segments += 1
        self._done.segment_rows += segment.facts.rows
        try:
            segment, answers = use(self._store, segment, _recomputed)
        except AvalError as error:
            self.tell(segment.row, str(error))
        else:
            if answers != segment.facts.answers:
                self.tell(segment.row, "the answers in its file are not those that were registered")
        names = [segment.name_of(sha256) for sha256 in segment.superseded]
        self.known |= {segment.name, *names}
        for name in names:
            self._expect_gone(segment, name)

    def tell(self, row: Row, what: str) -> None:
        """Take down what is wrong with a segment."""
        self._done.add(Discrepancy(str(row.writer), row.seq, str(row.about), what))

    def _expect_gone(self, segment: Segment, name: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while (there := present(self._store.place, name)) is not None:
            if time.monotonic() > deadline:
                why = "still holds what was erased; run aval log erase or retain again, which finishes it"
                self.tell(segment.row, f"{self._store.place.uri}/{there} {why}")
                return
            time.sleep(0.2)


def _recomputed(segment: Segment, path: Path) -> tuple[Segment, str]:
    answers = Answers()
    for block in blocks(path, [ROW, PROBABILITY, DECISION]):
        answers.add(block)
    return segment, answers.hexdigest()
