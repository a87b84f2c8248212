"""Segments where they are kept: the log that says which file counts, and the place that has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from service.decision_log.reading import reading
from service.decision_log.segments.segment import Segment, segment_of
from service.decision_log.segments.staging import present
from service.errors import AvalError
from service.places import Place
from service.places.file_facts import digest_of

T = TypeVar("T")
# Between one look and the next a file may have come from where it was staged.
_LOOKS = 3


class SegmentDamaged(AvalError):
    """A segment's file is missing, or is not what the decision log says it is."""


@dataclass(frozen=True, slots=True)
class SegmentStore:
    """The address of a decision log, and the place of its segments."""

    address: str
    place: Place

    def now(self, segment: str) -> Segment | None:
        """Return a segment as it is at this moment, None for an unknown id."""
        with reading(self.address) as connection:
            return segment_of(connection, segment)


def use(store: SegmentStore, segment: Segment, work: Callable[[Segment, Path], T]) -> T:
    """Return what `work` makes of a segment and of its file, which was just found to be what the log says it is.

    Where an erasure puts another file in its place meanwhile, `work` is done again with that one. Raises
    `SegmentDamaged`, and whatever `work` or the place raises.
    """
    looks = 0
    while True:
        looks += 1
        try:
            return _use_once(store.place, segment, work)
        except (AvalError, FileNotFoundError) as error:
            current = store.now(segment.id)
            if current is not None and current.sha256 != segment.sha256:
                segment, looks = current, 0
            elif looks >= _LOOKS:
                if isinstance(error, FileNotFoundError):
                    raise _missing(store.place, segment) from None
                raise


def _use_once(place: Place, segment: Segment, work: Callable[[Segment, Path], T]) -> T:
    name = present(place, segment.name)
    item = None if name is None else place.find(name)
    if item is None:
        raise _missing(place, segment)
    with place.fetched(item) as path:
        if digest_of(path) != segment.sha256:
            raise SegmentDamaged(
                f"{place.uri}/{name} is not the file that the log has as segment {segment.id}"
            )
        return work(segment, path)


def _missing(place: Place, segment: Segment) -> SegmentDamaged:
    return SegmentDamaged(f"{segment.name}, the file of segment {segment.id}, is not in {place.uri}")
