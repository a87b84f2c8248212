"""Records held against the contract without being scored; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from service.batch.expected_rows import expected_rows
from service.batch.options import Options, expect_few_refused
from service.batch.pipeline import counted, scored_in_order
from service.batch.reading import open_records
from service.batch.records import Records, readable
from service.batch.step import Step, Stretch
from service.batch.tally import Tally
from service.places import Inputs, Item
from service.scoring.validation import Validator


@dataclass(frozen=True, slots=True)
class CheckedInput:
    """An input: how many of its rows were looked at, how many would be quarantined, and how its text is written."""

    name: str
    rows: int
    refused: int
    read_as: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a dry run saw. tally: of rows looked at (as `rows_in`), refused and their findings; none is scored."""

    inputs: tuple[CheckedInput, ...]
    tally: Tally

    def expect_few_refused(self, options: Options) -> None:
        """Raise `TooManyRefused` where a run would."""
        expect_few_refused(self.tally, options.most_refused, "would be quarantined", "nothing was written")

    def as_json(self) -> dict[str, Any]:
        """Return what was seen as JSON data."""
        return {
            "rows_in": self.tally.rows_in,
            "rows_quarantined": self.tally.rows_quarantined,
            "findings": dict(self.tally.findings.most_common()),
            "inputs": [
                {
                    "name": item.name,
                    "rows_in": item.rows,
                    "rows_quarantined": item.refused,
                    "read_as": item.read_as,
                }
                for item in self.inputs
            ],
        }


def check_inputs(
    validator: Validator, found: Inputs, options: Options, progress: Callable[[Step], None] = lambda _: None
) -> Checked:
    """Hold every record of the inputs against the contract; raises `UnreadableInput`."""
    check = _Check(validator, found, options, progress)
    return Checked(tuple(check.inputs()), check.tally)


class _Check:
    def __init__(
        self, validator: Validator, found: Inputs, options: Options, progress: Callable[[Step], None]
    ) -> None:
        self._validator, self._found, self._options, self._progress = validator, found, options, progress
        self._stretch = Stretch(item.size for item in found.items)
        self.tally = Tally()

    def inputs(self) -> list[CheckedInput]:
        checked: list[CheckedInput] = []
        for item in self._found.items:
            if self._left == 0:
                break
            checked.append(self._input(item, len(checked)))
        return checked

    @property
    def _left(self) -> int | None:
        limit = self._options.limit
        return None if limit is None else limit - self.tally.rows_in

    def _input(self, item: Item, done: int) -> CheckedInput:
        rows, refused = self.tally.rows_in, self.tally.rows_quarantined
        with self._found.place.fetched(item) as path:
            opened = open_records(
                path,
                self._validator,
                name=item.name,
                dialect=self._options.dialect,
                partitions=self._found.partitions(item),
            )
            with opened as records:
                expected = records.rows or expected_rows(path, item.name)
                self._blocks(records, item.name, expected, done)
                how = records.dialect_found
        return CheckedInput(item.name, self.tally.rows_in - rows, self.tally.rows_quarantined - refused, how)

    def _blocks(self, records: Records, name: str, expected: int | None, done: int) -> None:
        first = self.tally.rows_in

        def check(block: pa.Table, row: int) -> Tally:
            return _tally(self._validator, block, row, records, name)

        threads = self._options.scoring_threads
        for tally in scored_in_order(check, counted(records.blocks, self._left), threads):
            self.tally.add(tally)
            share = (self.tally.rows_in - first) / expected if expected else 0.0
            whole = self._stretch.share(done, min(share, 1.0))
            self._progress(Step(self.tally, done, len(self._found.items), whole))


def _tally(validator: Validator, block: pa.Table, row: int, records: Records, name: str) -> Tally:
    with readable(name, row, block):
        checked = validator.check_table(block, text=records.text)
    tally = Tally(checked.rows, rows_quarantined=int((~checked.valid).sum()))
    for item in checked.refused:
        tally.findings[f"{item.column.name}: {item.code}"] += len(item.rows)
    return tally
