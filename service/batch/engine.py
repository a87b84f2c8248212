"""Scores a piece of a plan into the state folder, part by part; every engine comes down to this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from service.batch.expected_rows import expected_rows
from service.batch.part_files import SCORES, SEGMENT, WrittenPart, write_part, writing
from service.batch.pipeline import counted, parts_of, scored_in_order
from service.batch.plan import BLOCKS_PER_PART, Plan, PlannedInput
from service.batch.reading import open_records
from service.batch.records import Records, readable
from service.batch.scored_block import Layout, Position, ScoredBlock, score_block
from service.batch.state import InputRecord, PartRecord, State, input_record, part_file, part_record
from service.batch.tally import Tally
from service.decision_log.segments import Heading
from service.errors import AvalError, UnreadableInput
from service.places import Item, Place, S3Options, place_of
from service.places.file_facts import FileFacts, digest_of
from service.scoring.scorer import Scorer

# What became of a block, and about which share of its input is done with it.
Progress = Callable[[Tally, float], None]


@dataclass(frozen=True, slots=True)
class Unit:
    """Some parts of one input that are scored in one go, the first of them from row `first_row` on.

    rows: how many at most, None for all. whole: whether the unit reaches to where the input ends, or is taken to end.
    """

    input: int
    first_part: int = 0
    first_row: int = 1
    rows: int | None = None
    whole: bool = True


def score_unit(
    plan: Plan,
    unit: Unit,
    scorer: Scorer,
    state: State,
    *,
    threads: int = 1,
    progress: Progress = lambda *_: None,
) -> int:
    """Score a unit and return how many rows it had; each of its parts is whole or was never there.

    A unit that reaches to the end of its input also writes the input's record. `progress` is told what became of each
    block. Raises `UnreadableInput` for the input, `WrongUse` for the output.
    """
    planned, source = plan.inputs[unit.input], place_of(plan.source, S3Options(kms_key=plan.kms_key))
    work = _Work(plan, unit, scorer, state, threads, progress)
    with source.fetched(_found(source, planned)) as path:
        opened = open_records(
            path,
            scorer.validator,
            name=planned.name,
            dialect=plan.dialect,
            partitions=planned.partitions,
            first_row=unit.first_row,
        )
        with opened as records:
            work.expected = records.rows or expected_rows(path, planned.name)
            work.score(records)
            if unit.whole and unit.rows is None and records.rows not in (None, work.row - 1):
                raise AvalError(
                    f"{planned.name}: {records.rows:,} rows are in the file and {work.row - 1:,} were dealt with; "
                    "nothing was written. This is a defect of Aval: report it"
                )
        if unit.whole:
            digest = digest_of(path) if planned.etag else planned.digest
            record = InputRecord(work.row - 1, work.part, digest, records.dialect_found)
            work.state.write(input_record(unit.input), record.to_bytes())
    return work.row - unit.first_row


def _found(source: Place, planned: PlannedInput) -> Item:
    item = source.find(planned.name)
    if item is None or (item.size, item.etag) != (planned.size, planned.etag):
        what = "is gone" if item is None else "has changed"
        raise UnreadableInput(f"{planned.name} {what} since the run began; run it again")
    return item


class _Work:
    """A unit in progress. row, part: the next that is to be written. expected: rows of the input, where known."""

    expected: int | None = None

    def __init__(
        self, plan: Plan, unit: Unit, scorer: Scorer, state: State, threads: int, progress: Progress
    ) -> None:
        self.state = state
        self.row, self.part = unit.first_row, unit.first_part
        self._plan, self._unit, self._scorer = plan, unit, scorer
        self._threads, self._progress = threads, progress
        self._input = plan.inputs[unit.input]

    def score(self, records: Records) -> None:
        part_rows = records.rows_per_block * BLOCKS_PER_PART
        plan = self._plan
        layout = Layout(records, plan.several, plan.reasons, plan.keep_columns, plan.logged)

        def score(block: pa.Table, first_row: int) -> ScoredBlock:
            return self._score_block(block, first_row, part_rows, layout)

        empty = score(records.schema.empty_table(), self.row)
        blocks = counted(records.blocks, self._unit.rows)
        for part in parts_of(scored_in_order(score, blocks, self._threads, self.row), BLOCKS_PER_PART):
            self._write(empty, part, text=records.text)

    def _score_block(self, block: pa.Table, first_row: int, part_rows: int, layout: Layout) -> ScoredBlock:
        first_of_part = (first_row - 1) // part_rows * part_rows + 1
        segment = self._plan.segment_id(self._unit.input, first_of_part)
        position = Position(first_row, segment, self._input.name if self._plan.several else None)
        with readable(self._input.name, first_row, block):
            return score_block(self._scorer, block, position, layout)

    def _write(self, empty: ScoredBlock, part: Iterator[ScoredBlock], *, text: bool) -> None:
        with self.state.place.scratch() as scratch, writing(self._plan.target):
            heading = self._heading(text=text)
            written = write_part(scratch, self._plan.ending, empty, heading, self._told(part))
            written.tally.expect_reconciled(self._input.name)
            self._commit(written)
        self.row += written.tally.rows_in
        self.part += 1

    def _told(self, part: Iterator[ScoredBlock]) -> Iterator[ScoredBlock]:
        row = self.row - 1
        for block in part:
            yield block
            row += block.tally.rows_in
            self._progress(block.tally, min(row / self.expected, 1.0) if self.expected else 0.0)

    def _commit(self, written: WrittenPart) -> None:
        """The record comes last: without it the part was never there."""
        files = {kind: self._facts(written, kind) for kind in written.files}
        for kind, path in written.files.items():
            self.state.put(part_file(self._unit.input, self.part, kind), path)
        record = PartRecord(written.tally, files, written.columns, written.header, written.segment)
        self.state.write(part_record(self._unit.input, self.part), record.to_bytes())

    def _facts(self, written: WrittenPart, kind: str) -> FileFacts:
        path = written.files[kind]
        if kind == SEGMENT and written.segment is not None:
            return FileFacts(written.segment.size, written.segment.sha256)
        # In a single file only the first part could stand alone; the others' bytes are hashed when they are joined.
        joined = self._plan.name is not None and (self._unit.input, self.part) != (0, 0)
        return FileFacts(path.stat().st_size, "") if kind == SCORES and joined else FileFacts.of(path)

    def _heading(self, *, text: bool) -> Heading:
        plan, item = self._plan, self._input
        segment = plan.segment_id(self._unit.input, self.row)
        return Heading(
            segment, plan.model, plan.policy, plan.contract, item.name, item.digest, self.row, text
        )
