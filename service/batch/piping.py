"""Standard input and output in the place of files."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from service.batch.asked import KINDS, PIPED, STANDARD, Asked
from service.batch.options import Options
from service.batch.quarantine import quarantine_schema
from service.batch.reading import READERS, open_records, open_stream
from service.batch.records import Records
from service.batch.step import Step
from service.batch.streaming import Sinks, Write, refused_file, refused_lines, score_stream
from service.batch.tally import Tally
from service.errors import WrongUse
from service.places import find_inputs
from service.scoring.scorer import Scorer

Progress = Callable[[str], AbstractContextManager[Callable[[Step], None]]]


def expect_pipeable(asked: Asked) -> None:
    """Raise `WrongUse` for what cannot be had with standard input or output."""
    impossible = {"--engine spark": asked.engine != "local", "--replace": asked.replace}
    if asked.source == STANDARD:
        impossible |= {"--where": bool(asked.where)}
    if asked.target == STANDARD and asked.to not in (None, *PIPED):
        raise WrongUse(
            f"--to {asked.to} cannot be written to standard output; it is one of: {', '.join(PIPED)}"
        )
    if wrong := [flag for flag, given in impossible.items() if given]:
        raise WrongUse(f"{wrong[0]} needs files; standard input and output have none")


@contextmanager
def kept(asked: Asked) -> Iterator[str]:
    """Give the address of the input; standard input is kept in a temporary file meanwhile, in its own kind."""
    if asked.source != STANDARD:
        yield asked.source
        return
    with tempfile.TemporaryDirectory(prefix="aval-") as folder:
        path = Path(folder) / f"standard-input{KINDS[asked.come_as or 'csv']}"
        try:
            with path.open("xb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file, 2**20)
        except OSError as error:
            raise WrongUse(f"standard input cannot be kept in {folder}: {error.strerror or error}") from None
        yield str(path)


def pipe(asked: Asked, scorer: Scorer, options: Options, progress: Progress) -> Tally:
    """Score a file or standard input into standard output, and return what became of its rows."""
    with ExitStack() as stack:
        records = stack.enter_context(_records(asked, scorer, options))
        refused = stack.enter_context(_refused(asked))
        # Refused rows and progress would get into each other.
        quiet = asked.quarantine is None and not asked.progress_json
        step = (lambda _: None) if quiet else stack.enter_context(progress("scoring"))
        sinks = Sinks(sys.stdout.buffer, _ending(asked), refused)
        return score_stream(scorer, records, sinks, options, step)


@contextmanager
def _records(asked: Asked, scorer: Scorer, options: Options) -> Iterator[Records]:
    if asked.source == STANDARD:
        ending = KINDS[asked.come_as or "csv"]
        with open_stream(sys.stdin.buffer, ending, scorer.validator, options.dialect) as records:
            yield records
        return
    found = find_inputs(asked.source, READERS, options.where, dated=options.dated, s3=options.s3)
    if len(found.items) != 1:
        raise WrongUse(f"{asked.source} is {len(found.items)} files; to standard output goes one, so name it")
    [item] = found.items
    with (
        found.place.fetched(item) as path,
        open_records(
            path,
            scorer.validator,
            name=item.name,
            dialect=options.dialect,
            partitions=found.partitions(item),
        ) as records,
    ):
        yield records


def _refused(asked: Asked) -> AbstractContextManager[Write]:
    if asked.quarantine is None:
        return nullcontext(refused_lines(sys.stderr.write))
    path = Path(asked.quarantine)
    if asked.source != STANDARD and path.exists() and path.samefile(asked.source):
        raise WrongUse(f"{path} is the input and would be replaced; name another file for refused rows")
    return refused_file(path, quarantine_schema(several=False))


def _ending(asked: Asked) -> str:
    if asked.to is not None:
        return KINDS[asked.to]
    if asked.source == STANDARD:
        return KINDS[asked.come_as or "csv"]
    named = asked.source.lower().removesuffix(".gz")
    return KINDS["jsonl"] if named.endswith((".jsonl", ".ndjson")) else KINDS["csv"]
