"""The files of one part: its answers, its refused rows, and its segment of the decision log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.batch.scored_block import ScoredBlock
from service.batch.tally import Tally
from service.batch.writing import WRITERS, csv_writer, durable, header_of
from service.decision_log.segments import Heading, SegmentFacts, SegmentWriter
from service.errors import WrongUse

SCORES, QUARANTINE, SEGMENT = "scores", "quarantine", "segment"


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """Finished files by kind and what they hold; of the scores, their columns and the bytes of their header.

    segment: None where there is none.
    """

    files: dict[str, Path]
    tally: Tally
    columns: tuple[str, ...]
    header: int
    segment: SegmentFacts | None


def write_part(
    scratch: Path, ending: str, empty: ScoredBlock, heading: Heading, blocks: Iterable[ScoredBlock]
) -> WrittenPart:
    """Write blocks to files in a scratch folder; they are on the disk at the end.

    empty: a block of no rows, for the columns; where it has a table for the log, there is a segment with this heading.
    A quarantine file is there where a row was refused.
    """
    tally, schema = Tally(), empty.answers.schema
    with ExitStack() as stack:
        segment = None
        if empty.logged is not None:
            segment = SegmentWriter(scratch / SEGMENT, heading, empty.logged.schema)
            stack.callback(segment.abandon)
        file = stack.enter_context(durable(scratch / SCORES))
        write = stack.enter_context(WRITERS[ending](file, schema))
        refused = stack.enter_context(durable(scratch / QUARANTINE))
        write_refused = stack.enter_context(csv_writer(refused, empty.refused.schema))
        for block in blocks:
            write(block.answers)
            if block.refused.num_rows:
                write_refused(block.refused)
            if segment is not None and block.logged is not None:
                segment.write(block.logged)
            tally.add(block.tally)
        facts = segment.close(tally.rows_in) if segment is not None else None
        if segment is not None:
            # As the log's database: nobody else's to read.
            (scratch / SEGMENT).chmod(0o600)
    if not tally.rows_quarantined:
        (scratch / QUARANTINE).unlink()
    kinds = (SCORES, QUARANTINE, SEGMENT)
    files = {kind: path for kind in kinds if (path := scratch / kind).exists()}
    return WrittenPart(files, tally, tuple(schema.names), len(header_of(ending, schema)), facts)


@contextmanager
def writing(shown: str) -> Iterator[None]:
    """Raise `WrongUse` for any `OSError` inside: a folder that may not be written, a full disk."""
    try:
        yield
    except OSError as error:
        raise WrongUse(f"{shown} cannot be written: {error.strerror or error}") from None
