"""Registers the segments of a run: their files come into place, and one entry each into the log's chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from service.decision_log.errors import LogRefused
from service.decision_log.orders import Resolution, Resolve
from service.decision_log.scribe import Scribe, writing
from service.decision_log.segments.facts import SegmentFacts
from service.decision_log.segments.segment import Chosen, Segment, segments
from service.decision_log.segments.staging import present, settle, staged
from service.places import Place

COMMAND = "batch run"
# An entry has up to some hundred thousand characters, and PostgreSQL two seconds for a statement.
_MOST_CHARACTERS = 2**25


@dataclass(frozen=True, slots=True)
class Publication:
    """A segment that is to be published; `opened` gives its finished file, and is not asked for one that is there."""

    facts: SegmentFacts
    opened: Callable[[], AbstractContextManager[Path]]


def publish(address: str, place: Place, publications: Sequence[Publication], at: int) -> int:
    """Put the files of a run's segments into place and register them; returns how many are new to the log.

    Safe to break off and to do again, also by two at once: a file counts from its entry on, and is hidden before. What
    is registered already is not written again, lest it bring back what was erased since. at: microseconds since 1970,
    UTC. Raises `LogDown` or `LogRefused`, and what the place does; then nothing is registered.
    """
    facts = [item.facts for item in publications]
    with writing(address, COMMAND, at) as scribe:
        known = _known(scribe, facts)
        for item in publications:
            current = known.get(item.facts.id)
            if current is None or current.sha256 == item.facts.sha256:
                _stage(place, item)
        count = _register(scribe, facts, at)
        known = _known(scribe, facts)
        for one in facts:
            settle(place, known[one.id].name)
            if known[one.id].sha256 != one.sha256:
                # Somebody else was first, with the same answers in other bytes.
                place.remove(staged(one.file))
    return count


def _register(scribe: Scribe, facts: Sequence[SegmentFacts], at: int) -> int:
    count = 0
    for some in _together(facts):
        count += scribe.write(_appending(some, at), [item.id for item in some])
    return count


def _appending(facts: Sequence[SegmentFacts], at: int) -> Resolve:
    def resolve(connection: Connection) -> Resolution:
        known = _by_id(connection, facts)
        for item in facts:
            if item.id in known:
                _expect_same(known[item.id], item)
        new = {item.id: item for item in facts if item.id not in known}
        return Resolution([item.entry(at) for item in new.values()], len(new))

    return resolve


def _known(scribe: Scribe, facts: Sequence[SegmentFacts]) -> dict[str, Segment]:
    found: dict[str, Segment] = scribe.write(lambda connection: Resolution((), _by_id(connection, facts)))
    return found


def _by_id(connection: Connection, facts: Iterable[SegmentFacts]) -> dict[str, Segment]:
    return {item.id: item for item in segments(connection, Chosen(ids=[one.id for one in facts]))}


def _expect_same(known: Segment, given: SegmentFacts) -> None:
    if known.facts.answers != given.answers:
        raise LogRefused(
            f"segment {given.id} of {given.heading.input_name} is in the decision log with other answers; the same "
            "model, policy and input gave others before. Keep both outputs, and run: aval replay"
        )


def _stage(place: Place, item: Publication) -> None:
    if present(place, item.facts.file) is None:
        with item.opened() as path:
            place.put(staged(item.facts.file), path)


def _together(facts: Sequence[SegmentFacts]) -> Iterator[Sequence[SegmentFacts]]:
    """Divide what is too much for one statement; all that a usual run has is one."""
    some: list[SegmentFacts] = []
    characters = 0
    for item in facts:
        some.append(item)
        characters += len(item.by_row)
        if characters > _MOST_CHARACTERS:
            yield some
            some, characters = [], 0
    if some:
        yield some
