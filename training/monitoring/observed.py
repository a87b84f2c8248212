"""The decisions of a window, as the model's inputs: whoever made them, and however they were logged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, func, select

from service.decision_log.decided import Decided, decided_in
from service.decision_log.entries import Kind
from service.decision_log.reading import parsed_details, reading
from service.decision_log.segments.segment import Chosen, segments
from service.decision_log.segments.store import SegmentStore
from service.decision_log.tables import ENTRIES
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Contract
from service.scoring.scorer import Scorer
from training.monitoring.windows import Window


@dataclass(frozen=True, slots=True)
class Refused:
    """What the contract refused.

    records: that were asked about online. fields: how many of these by (field, code). quarantined: rows of batch runs,
    of which the log does not know the fields.
    """

    records: int
    fields: Mapping[tuple[str, str], int]
    quarantined: int = 0


@dataclass(frozen=True)
class Observed:
    """Decisions of a window, in the order of time.

    matrix: (rows, inputs) as the contract of the scorer that looks encodes them, NaN = null. probabilities, decisions
    (positions in `DECISIONS`), at (microseconds since 1970, UTC) and about (ids): (rows,), as they were logged.
    model_codes (rows,): which of `models` decided. Not among the rows are those whose inputs were erased, and
    `unreadable` ones, which the scorer's contract refuses: they were decided under another one.
    """

    matrix: FloatArray
    probabilities: FloatArray
    decisions: npt.NDArray[np.int8]
    at: npt.NDArray[np.int64]
    about: Sequence[str]
    models: Sequence[str]
    model_codes: npt.NDArray[np.int16]
    erased: int
    refused: Refused
    unreadable: int = 0

    @property
    def rows(self) -> int:
        """How many decisions can be looked at."""
        return len(self.about)

    @property
    def received(self) -> int:
        """How many records came, the refused included."""
        return self.rows + self.erased + self.unreadable + self.refused.records + self.refused.quarantined

    def since(self, moment: int) -> Observed:
        """Return the decisions from a moment on, without copying them; what was erased and refused is of all."""
        start = int(np.searchsorted(self.at, moment))
        if start == 0:
            return self
        return replace(
            self,
            matrix=self.matrix[start:],
            probabilities=self.probabilities[start:],
            decisions=self.decisions[start:],
            at=self.at[start:],
            about=self.about[start:],
            model_codes=self.model_codes[start:],
        )

    def by_model(self) -> dict[str, int]:
        """Return how many decisions each model made."""
        counts = np.bincount(self.model_codes, minlength=len(self.models)).tolist()
        return dict(zip(self.models, counts, strict=True))


def observe(store: SegmentStore, scorer: Scorer, window: Window) -> Observed:
    """Return the decisions of the scorer's use case in a window, from the log and from the segments of batch runs.

    All of it is as the log was at one moment. Raises `LogRefused` for a log that cannot be read, `SegmentDamaged` for a
    segment whose file is not what the log has.
    """
    contract = scorer.contract
    with reading(store.address) as connection:
        refused = _refused(connection, contract.use_case, window)
        blocks = decided_in(connection, store, contract, window.span, columns_of_inputs(contract))
        parts = [_encoded(block, scorer) for block in blocks]
    return _in_order(_joined(parts, len(contract.inputs), refused))


def joined(observed: Sequence[Observed]) -> Observed:
    """Return several windows' decisions as those of one, in the order of time."""
    fields: Counter[tuple[str, str]] = Counter()
    for item in observed:
        fields.update(item.refused.fields)
    refused = Refused(
        sum(item.refused.records for item in observed),
        fields,
        sum(item.refused.quarantined for item in observed),
    )
    return _in_order(_joined(observed, observed[0].matrix.shape[1], refused))


def scored_by(observed: Observed, scorer: Scorer) -> FloatArray:
    """Return P(bad) (rows,) by this scorer: as logged where it decided itself, scored now where another one did.

    Scores of several models differ where nothing has drifted.
    """
    own = np.array([name == scorer.tag for name in observed.models], np.bool_)[observed.model_codes]
    if own.all():
        return observed.probabilities
    found = observed.probabilities.copy()
    found[~own] = scorer.score_matrix(observed.matrix[~own])
    return found


def columns_of_inputs(contract: Contract) -> frozenset[str]:
    """Return the names of the columns that a model's inputs come from."""
    return contract.feature_names.union(*(item.of for item in contract.derived))


def _refused(connection: Connection, use_case: str, window: Window) -> Refused:
    query = (
        select(ENTRIES.c.details, func.count())
        .where(ENTRIES.c.use_case == use_case, ENTRIES.c.kind == str(Kind.REFUSAL))
        .where(ENTRIES.c.at >= window.since, ENTRIES.c.at < window.until)
        .group_by(ENTRIES.c.details)
    )
    records, fields = 0, Counter[tuple[str, str]]()
    for details, count in connection.execute(query):
        records += count
        # A list of records may name a field it does not have twice; a record counts once.
        for field, code in {(str(field), str(code)) for field, code in parsed_details(details)["findings"]}:
            fields[field, code] += count
    chosen = Chosen(use_case, window.since, window.until)
    quarantined = sum(item.facts.quarantined for item in segments(connection, chosen))
    return Refused(records, fields, quarantined)


def _encoded(block: Decided, scorer: Scorer) -> Observed:
    """Return a block of decisions of one model; what its refusals are is not known here."""
    kept = ~block.erased
    table = block.records if kept.all() else block.records.filter(kept)
    checked = scorer.validator.check_table(table, text=block.text)
    matrix = scorer.encoder.encode_table(checked.values)
    rows = np.flatnonzero(kept)
    if not checked.valid.all():
        matrix, rows = matrix[checked.valid], rows[checked.valid]
    return Observed(
        matrix=matrix,
        probabilities=block.probabilities[rows],
        decisions=block.decisions[rows],
        at=block.at[rows],
        about=block.about if len(rows) == block.rows else [block.about[row] for row in rows.tolist()],
        models=(block.by.model,),
        model_codes=np.zeros(len(rows), np.int16),
        erased=int(block.erased.sum()),
        refused=_NOTHING,
        unreadable=int(kept.sum()) - len(rows),
    )


def _joined(parts: Sequence[Observed], inputs: int, refused: Refused) -> Observed:
    models = tuple(dict.fromkeys(chain.from_iterable(part.models for part in parts)))
    return Observed(
        matrix=_stacked(parts, inputs),
        probabilities=np.concatenate([np.empty(0), *(part.probabilities for part in parts)]),
        decisions=np.concatenate([np.empty(0, np.int8), *(part.decisions for part in parts)]),
        at=np.concatenate([np.empty(0, np.int64), *(part.at for part in parts)]),
        about=list(chain.from_iterable(part.about for part in parts)),
        models=models,
        model_codes=np.concatenate([np.empty(0, np.int16), *_codes(parts, models)]),
        erased=sum(part.erased for part in parts),
        refused=refused,
        unreadable=sum(part.unreadable for part in parts),
    )


def _stacked(parts: Sequence[Observed], inputs: int) -> FloatArray:
    """Return the rows of all parts as one matrix, each of its columns contiguous."""
    matrix = np.empty((sum(part.rows for part in parts), inputs), order="F")
    start = 0
    for part in parts:
        matrix[start : start + part.rows] = part.matrix
        start += part.rows
    return matrix


def _codes(parts: Sequence[Observed], models: Sequence[str]) -> Iterable[npt.NDArray[np.int16]]:
    for part in parts:
        place = np.array([models.index(name) for name in part.models], np.int16)
        yield place[part.model_codes]


def _in_order(found: Observed) -> Observed:
    if not (found.at[1:] < found.at[:-1]).any():
        return found
    order = np.argsort(found.at, kind="stable")
    matrix = np.empty_like(found.matrix, order="F")
    for position in range(matrix.shape[1]):
        matrix[:, position] = found.matrix[order, position]
    return replace(
        found,
        matrix=matrix,
        probabilities=found.probabilities[order],
        decisions=found.decisions[order],
        at=found.at[order],
        about=[found.about[row] for row in order.tolist()],
        model_codes=found.model_codes[order],
    )


_NOTHING = Refused(0, {})
