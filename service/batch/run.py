"""One run: a file of records in; a file of decisions, a quarantine file and a manifest out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from service import __version__
from service.batch.counts import Counts
from service.batch.manifest import FileFacts, Manifest
from service.batch.outputs import Outputs, publish
from service.batch.pipeline import scored_in_order
from service.batch.quarantine import SCHEMA
from service.batch.reading import open_records
from service.batch.records import Records, complaint
from service.batch.scored_block import ScoredBlock, score_block
from service.batch.writing import csv_writer, write_bytes
from service.errors import UnreadableInput, WrongUse
from service.scoring.scorer import Scorer


@dataclass(frozen=True, slots=True)
class _Job:
    scorer: Scorer
    source: Path
    outputs: Outputs
    reasons: bool
    threads: int
    progress: Callable[[int], None]


def score_file(
    scorer: Scorer,
    source: Path,
    target: Path,
    *,
    reasons: bool = False,
    threads: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Manifest:
    """Score every record of `source` into `target`; either all its files are replaced by whole new ones, or none.

    `threads` is one per processor unless given. `progress` is told after each block how many rows are done.
    Raises `UnreadableInput` or `WrongUse`, each of which names the file and what is wrong with it.
    """
    started, outputs = _now(), Outputs.of(target)
    job = _Job(scorer, source, outputs, reasons, _threads(threads), progress)
    with open_records(source, scorer.validator) as records:
        outputs.expect_usable(source)
        with outputs.scratch_folder() as scratch:
            with _described(source) as facts:
                counts = _write(job, records, scratch)
            manifest = _account(job, scratch, counts, facts.result(), started)
            write_bytes(scratch / outputs.manifest.name, manifest.to_bytes())
            publish(outputs, scratch)
    return manifest


def _write(job: _Job, records: Records, scratch: Path) -> Counts:
    """Write the table of answers and, if there is anything in it, the quarantine file."""

    def score(block: pa.Table, first_row: int) -> ScoredBlock:
        return _score(job, block, first_row, text=records.text)

    counts, schema = Counts(), score(records.schema.empty_table(), 1).answers.schema
    refused = scratch / job.outputs.quarantine.name
    with (
        job.outputs.writer(scratch / job.outputs.table.name, schema) as write,
        csv_writer(refused, SCHEMA) as write_refused,
    ):
        for scored in scored_in_order(score, counts.reading(records.blocks), job.threads):
            write(scored.answers)
            write_refused(scored.refused)
            counts.add_written(scored)
            job.progress(counts.rows_done)
    counts.expect_reconciled()
    if not counts.rows_quarantined:
        refused.unlink()
    return counts


def _score(job: _Job, block: pa.Table, first_row: int, *, text: bool) -> ScoredBlock:
    try:
        return score_block(job.scorer, block, first_row, text=text, reasons=job.reasons)
    except (pa.ArrowException, OverflowError) as error:
        rows = f"rows {first_row} to {first_row + block.num_rows - 1}"
        raise UnreadableInput(f"{job.source}: {rows} cannot be read: {complaint(error)}") from None


def _account(job: _Job, scratch: Path, counts: Counts, facts: FileFacts, started: str) -> Manifest:
    names = [path.name for path in (job.outputs.table, job.outputs.quarantine)]
    return Manifest(
        rows_in=counts.rows_in,
        rows_scored=counts.rows_scored,
        rows_quarantined=counts.rows_quarantined,
        decisions=counts.decisions,
        input=facts,
        outputs=tuple(FileFacts.of(scratch / name) for name in names if (scratch / name).exists()),
        model=job.scorer.tag,
        policy=job.scorer.policy.version,
        contract=job.scorer.contract.version,
        reasons=job.reasons,
        started=started,
        finished=_now(),
        code=__version__,
    )


@contextmanager
def _described(source: Path) -> Iterator[Future[FileFacts]]:
    """Take the input's hash meanwhile; raises `UnreadableInput` if the file was changed in between."""
    before = _identity(source)
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(FileFacts.of, source)
    if _identity(source) != before:
        raise UnreadableInput(f"{source} was changed while it was read; score it again")


def _identity(source: Path) -> tuple[int, int, int]:
    try:
        facts = source.stat()
    except OSError as error:
        raise UnreadableInput(f"{source} cannot be read: {complaint(error)}") from None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _threads(asked: int | None) -> int:
    if asked is not None and asked < 1:
        raise WrongUse(f"threads={asked} is too few; it must be at least 1")
    return asked or os.cpu_count() or 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
