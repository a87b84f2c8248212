"""The rows of a run's outputs, counted once more from the files themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from service.batch.manifest import OutputFacts, RunFacts
from service.batch.tally import Tally
from service.decision_log.segments.answers import decision_names
from service.scoring.policy import DECISIONS
from service.scoring.profile import score_counts

Rows = npt.NDArray[np.int64]


@dataclass
class InputRows:
    """What was found of one input. refused: row numbers. last: the row of the latest answer."""

    scored: int = 0
    last: int = 0
    refused: Rows = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def highest(self) -> int:
        """The highest row number."""
        return max(self.last, int(self.refused[-1]) if len(self.refused) else 0)


@dataclass
class Recount:
    """Takes in outputs, the quarantine files first, and says at once what is wrong with them."""

    tally: Tally = field(default_factory=Tally)
    inputs: dict[str, InputRows] = field(default_factory=dict)

    def take_refused(self, output: OutputFacts, table: pa.Table) -> Iterator[str]:
        """Count refused rows."""
        self._count_in(table.num_rows, refused=True)
        for errors in table.column("errors").to_pylist():
            for item in _findings(errors):
                self.tally.findings[item] += 1
        for name, rows in _by_input(output, table):
            found = self.inputs.setdefault(name, InputRows())
            if not _rising(int(found.refused[-1]) if len(found.refused) else 0, rows):
                yield f"{output.name}: rows of {name} are there twice or out of order"
            found.refused = np.concatenate([found.refused, rows])

    def take_answers(self, output: OutputFacts, run: RunFacts, table: pa.Table) -> Iterator[str]:
        """Count answers; each is of the run's model, policy and contract."""
        self._count_in(table.num_rows, refused=False)
        codes = pc.index_in(table.column("decision"), decision_names())
        probabilities = table.column("probability").to_numpy()
        if codes.null_count or not ((probabilities >= 0) & (probabilities <= 1)).all():
            raise ValueError("an answer has no decision, or no probability between 0 and 1")
        self.tally.decisions += np.bincount(codes.to_numpy(), minlength=len(DECISIONS))
        self.tally.scores += score_counts(probabilities)
        yield from _others(output, run, table)
        for name, rows in _by_input(output, table):
            yield from self._take_rows(output, name, rows)

    def _take_rows(self, output: OutputFacts, name: str, rows: Rows) -> Iterator[str]:
        found = self.inputs.setdefault(name, InputRows())
        if not _rising(found.last, rows):
            yield f"{output.name}: rows of {name} are there twice or out of order"
        if _shared(rows, found.refused):
            yield f"{output.name}: rows of {name} are scored and quarantined"
        found.scored, found.last = found.scored + len(rows), int(rows[-1])

    def _count_in(self, rows: int, *, refused: bool) -> None:
        self.tally.rows_in += rows
        if refused:
            self.tally.rows_quarantined += rows
        else:
            self.tally.rows_scored += rows


def _by_input(output: OutputFacts, table: pa.Table) -> Iterator[tuple[str, Rows]]:
    """Yield rows that are one after the other of one input: its name, and their numbers."""
    numbers = table.column("row").to_numpy()
    if output.input is not None:
        if len(numbers):
            yield output.input, numbers
        return
    names = table.column("file").combine_chunks().dictionary_encode()
    if names.null_count:
        raise ValueError("a row does not say which file it is of")
    codes = names.indices.to_numpy()
    borders = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    for start, end in pairwise(borders):
        if end > start:
            yield names.dictionary[int(codes[start])].as_py(), numbers[start:end]


def _rising(last: int, rows: Rows) -> bool:
    return bool(rows[0] > last and (np.diff(rows) > 0).all())


def _shared(rows: Rows, refused: Rows) -> bool:
    """Whether a row is among the refused, which rise."""
    places = np.searchsorted(refused, rows)
    return bool((refused[np.minimum(places, len(refused) - 1)] == rows).any()) if len(refused) else False


def _others(output: OutputFacts, run: RunFacts, table: pa.Table) -> Iterator[str]:
    expected: Mapping[str, str] = {"model": run.model, "policy": run.policy, "contract": run.contract}
    for name, value in expected.items():
        found = set(pc.unique(table.column(name)).to_pylist()) - {value}
        if found:
            yield f"{output.name}: {name} is {next(iter(found))!r:.80}, and {value!r:.80} in the manifest"


def _findings(errors: Any) -> Iterator[str]:
    for item in json.loads(errors):
        yield f"{item['field']}: {item['code']}"
