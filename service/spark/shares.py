"""How the inputs of a run are shared out: each executor finds out by itself which parts of a file are its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import count

from service.batch.engine import Unit, score_unit
from service.batch.plan import BLOCKS_PER_PART, Plan, PlannedInput
from service.batch.reading import open_records
from service.batch.state import State, part_record
from service.errors import UnreadableInput
from service.places import S3Options, place_of
from service.scoring.scorer import Scorer

# Of these, a part can be read without what stands before it.
SPLITTABLE = (".parquet", ".arrow", ".feather")
BYTES_PER_SHARE = 2**26
# Whoever has a share of a file in a bucket downloads all of it: more shares would not be faster.
MOST_SHARES_IN_BUCKET = 8


@dataclass(frozen=True, slots=True)
class Share:
    """One of `of` about equal shares of an input's parts, counted from 0."""

    input: int
    number: int = 0
    of: int = 1


def shares_of(plan: Plan, done: Collection[int], bytes_per_share: int = BYTES_PER_SHARE) -> tuple[Share, ...]:
    """Return the shares of all inputs that are not done, those of the largest first."""
    left = [index for index in range(len(plan.inputs)) if index not in done]
    left.sort(key=lambda index: -plan.inputs[index].size)
    numbered = [(index, _shares(plan.inputs[index], bytes_per_share)) for index in left]
    return tuple(Share(index, number, of) for index, of in numbered for number in range(of))


def score_share(plan: Plan, share: Share, scorer: Scorer, state: State) -> None:
    """Score the parts of a share that are not whole yet; raises what `score_unit` raises."""

    def is_whole(part: int) -> bool:
        return state.place.find(state.path(part_record(share.input, part))) is not None

    if share.of == 1 and not is_whole(0):
        units = [Unit(share.input)]
    else:
        rows, length = _measured(plan, share.input, scorer)
        units = units_left(share, rows, length, is_whole)
    for unit in units:
        score_unit(plan, unit, scorer, state)


def units_left(share: Share, rows: int | None, length: int, is_whole: Callable[[int], bool]) -> list[Unit]:
    """Return what is left of a share, as stretches of parts.

    rows: of the input, None where only reading it tells; then the first share has it all. length: rows of a part.
    The last part of an input whose end was not reached is done again: with it comes the record of the input.
    """
    if rows is None:
        first = next(part for part in count() if not is_whole(part))
        first = max(first - 1, 0)
        return [Unit(share.input, first, first * length + 1)] if share.number == 0 else []
    parts = max(1, -(-rows // length))
    own = range(share.number * parts // share.of, (share.number + 1) * parts // share.of)
    left = [part for part in own if part == parts - 1 or not is_whole(part)]
    return [
        Unit(
            share.input,
            stretch.start,
            stretch.start * length + 1,
            len(stretch) * length,
            stretch.stop == parts,
        )
        for stretch in _stretches(left)
    ]


def _stretches(numbers: Iterable[int]) -> list[range]:
    found: list[range] = []
    for number in numbers:
        if found and found[-1].stop == number:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found


def _shares(item: PlannedInput, size: int) -> int:
    if not item.name.lower().endswith(SPLITTABLE):
        return 1
    most = item.size if item.etag is None else MOST_SHARES_IN_BUCKET
    return max(1, min(-(-item.size // size), most))


def _measured(plan: Plan, index: int, scorer: Scorer) -> tuple[int | None, int]:
    """Return how many rows an input has, if it says so, and how many a part of it."""
    source, item = place_of(plan.source, S3Options(kms_key=plan.kms_key)), plan.inputs[index]
    found = source.find(item.name)
    if found is None:
        raise UnreadableInput(f"{item.name} is gone since the run began; run it again")
    with source.fetched(found) as path:
        opened = open_records(
            path, scorer.validator, name=item.name, dialect=plan.dialect, partitions=item.partitions
        )
        with opened as records:
            return records.rows, records.rows_per_block * BLOCKS_PER_PART
