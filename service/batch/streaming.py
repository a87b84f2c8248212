"""Records from standard input or a file, answers to standard output, in constant memory and nothing in between.

The answers have no decision ids and are not in the decision log: how many records there are, and whether they can be
read to the end, is known only when the first answers have long been used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from service.batch.options import Options, expect_few_refused
from service.batch.pipeline import counted, scored_in_order
from service.batch.records import Records, readable
from service.batch.scored_block import Layout, Position, ScoredBlock, score_block
from service.batch.step import Step
from service.batch.tally import Tally
from service.batch.writing import WRITERS, csv_writer
from service.errors import WrongUse
from service.scoring.scorer import Scorer

Write = Callable[[pa.Table], None]


@dataclass(frozen=True, slots=True)
class Sinks:
    """answers: where they are written, in the kind that `ending` names. refused: takes refused rows."""

    answers: BinaryIO
    ending: str
    refused: Write


def score_stream(
    scorer: Scorer,
    records: Records,
    sinks: Sinks,
    options: Options,
    progress: Callable[[Step], None] = lambda _: None,
) -> Tally:
    """Write one answer per valid record as they come, and return what became of all; the sums agree.

    Raises `UnreadableInput` for the records, `TooManyRefused` as soon as that is certain: what was written until then
    is not all there is. Raises `BrokenPipeError` where nobody reads the answers any more.
    """
    layout = Layout(records, reasons=options.reasons, keep_columns=options.keep_columns)

    def score(block: pa.Table, row: int) -> ScoredBlock:
        with readable("the input", row, block):
            return score_block(scorer, block, Position(row, ""), layout)

    tally, schema = Tally(), _answers(score(records.schema.empty_table(), 1)).schema
    with WRITERS[sinks.ending](sinks.answers, schema) as write:
        blocks = counted(records.blocks, options.limit)
        for scored in scored_in_order(score, blocks, options.scoring_threads):
            write(_answers(scored))
            sinks.refused(scored.refused)
            tally.add(scored.tally)
            _expect_few_refused(tally, options, done=False)
            progress(Step(tally, 0, 1, _share(tally, records.rows)))
    sinks.answers.flush()
    tally.expect_reconciled("the input")
    _expect_few_refused(tally, options, done=True)
    return tally


@contextmanager
def refused_file(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Give what writes refused rows to a new CSV file; raises `WrongUse` where there can be none."""
    try:
        with path.open("wb") as file, csv_writer(file, schema) as write:
            yield write
    except BrokenPipeError:
        # Of the answers, not of this file.
        raise
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror or error}; name another file") from None


def refused_lines(write: Callable[[str], object]) -> Write:
    """Return what writes refused rows as JSON Lines: `row`, `errors` and `record`."""

    def write_lines(refused: pa.Table) -> None:
        for row in refused.to_pylist():
            # Both are JSON already.
            write(f'{{"row": {row["row"]}, "errors": {row["errors"]}, "record": {row["record"]}}}\n')

    return write_lines


def _answers(scored: ScoredBlock) -> pa.Table:
    """The answers without ids that lead nowhere."""
    return scored.answers.drop_columns(["decision_id"])


def _share(tally: Tally, rows: int | None) -> float:
    return tally.rows_in / rows if rows else 0.0


def _expect_few_refused(tally: Tally, options: Options, *, done: bool) -> None:
    """Before the end, only a number of rows says enough: a share may yet become smaller."""
    if done or (options.most_refused is not None and options.most_refused.rows is not None):
        expect_few_refused(tally, options.most_refused, "are refused", "do not use what was written")
