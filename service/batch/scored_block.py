"""One block of records, scored: a table of answers, a table of what was refused, and what the log keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from service.batch.quarantine import quarantine_table
from service.batch.records import Records
from service.batch.tally import Tally
from service.decision_log.segments import segment_table
from service.decision_log.segments.answers import decision_names
from service.scoring.contract import Role
from service.scoring.policy import DECISIONS
from service.scoring.profile import score_counts
from service.scoring.scorer import ScoredTable, Scorer


@dataclass(frozen=True, slots=True)
class Position:
    """Where a block belongs. first_row: of its input, from 1. file: to be named in every row, or None."""

    first_row: int
    segment: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What an output holds.

    records: that the block is of. several: whether other inputs are in the output too. logged: whether a table for the
    decision log is made.
    """

    records: Records
    several: bool = False
    reasons: bool = False
    keep_columns: bool = False
    logged: bool = False


@dataclass(frozen=True, slots=True)
class ScoredBlock:
    """answers: one row per scored record. refused: one row per refused one. logged: for the log, None without one."""

    answers: pa.Table
    refused: pa.Table
    logged: pa.Table | None
    tally: Tally


def score_block(scorer: Scorer, block: pa.Table, position: Position, layout: Layout) -> ScoredBlock:
    """Score a block of records."""
    scored = scorer.score_table(block, text=layout.records.text)
    checked = scored.checked[0]
    valid = np.flatnonzero(scored.valid)
    reasons = _reason_codes(scorer, scored, valid) if layout.reasons else None
    columns = _names(position, valid)
    columns |= _input_columns(scorer, block, valid, layout)
    columns |= _decided(scorer, scored, valid, position)
    if reasons is not None:
        columns["reasons"] = reasons
    refused = quarantine_table(layout.records, block, checked, position.first_row, position.file)
    logged = None
    if layout.logged:
        logged = segment_table(scorer, layout.records.in_types(block), scored, position.first_row, reasons)
    return ScoredBlock(pa.table(columns), refused, logged, _tally(scored, valid, refused.num_rows))


def _tally(scored: ScoredTable, valid: npt.NDArray[np.intp], refused: int) -> Tally:
    tally = Tally(
        len(scored.decisions),
        len(valid),
        refused,
        np.bincount(scored.decisions[valid], minlength=len(DECISIONS)),
        score_counts(scored.probabilities[valid]),
    )
    for item in scored.checked[0].refused:
        tally.findings[f"{item.column.name}: {item.code}"] += len(item.rows)
    return tally


def _names(position: Position, valid: npt.NDArray[np.intp]) -> dict[str, Any]:
    file = {} if position.file is None else {"file": constant(position.file, len(valid))}
    return {**file, "row": pa.array(valid + position.first_row)}


def _decided(
    scorer: Scorer, scored: ScoredTable, valid: npt.NDArray[np.intp], position: Position
) -> dict[str, Any]:
    rows = pa.array(valid + position.first_row).cast(pa.string())
    return {
        "decision_id": pc.binary_join_element_wise(pa.scalar(position.segment), rows, pa.scalar("-")),
        "probability": pa.array(scored.probabilities[valid]),
        "decision": pa.DictionaryArray.from_arrays(pa.array(scored.decisions[valid]), decision_names()),
        "model": constant(scorer.tag, len(valid)),
        "policy": constant(scorer.policy.version, len(valid)),
        "contract": constant(scorer.contract.version, len(valid)),
    }


def _input_columns(
    scorer: Scorer, block: pa.Table, valid: npt.NDArray[np.intp], layout: Layout
) -> dict[str, pa.ChunkedArray]:
    """Ids that the file has, or all its columns; what is called like a column of ours gets `input_` before its name.

    Where several files come into one output, their columns are text, and every id has one.
    """
    ids = [column.name for column in scorer.contract.of_role(Role.ID)]
    wanted = [name for name in block.column_names if layout.keep_columns or name in ids]
    rows = block.select(wanted)
    kept = layout.records.as_declared(rows if len(valid) == len(rows) else rows.take(pa.array(valid)))
    columns = {name: _as_came(kept.column(name)) for name in wanted}
    if layout.several:
        absent = pa.nulls(len(valid), pa.string())
        columns = {name: cells.cast(pa.string()) for name, cells in columns.items()}
        columns = {name: columns.pop(name, absent) for name in ids} | columns
    return {f"input_{name}" if name in OWN_COLUMNS else name: cells for name, cells in columns.items()}


def _as_came(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_string_view(cells.type):
        return cells.cast(pa.large_string())
    # As text: no integer type holds all the decimals that a database calls whole.
    return (
        cells.cast(pa.string()) if pa.types.is_decimal(cells.type) or pa.types.is_null(cells.type) else cells
    )


def constant(text: str, rows: int) -> pa.Array:
    """Return a column (rows,) of one text."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int8)), pa.array([text]))


def _reason_codes(scorer: Scorer, scored: ScoredTable, valid: npt.NDArray[np.intp]) -> pa.Array:
    """Return the codes of each scored row that was not approved, joined by `;`."""
    explained = valid[scored.decisions[valid] > 0]
    values = {name: column[explained] for name, column in scored.checked[0].values.items()}
    codes: dict[int, str] = {}
    for row, encoded in zip(explained.tolist(), scorer.encoder.encode_table(values).tolist(), strict=True):
        codes[row] = ";".join(reason.code for reason in scorer.reasons_of(encoded))
    return pa.array([codes.get(row) for row in valid.tolist()], pa.string())


OWN_COLUMNS = (
    "file",
    "row",
    "decision_id",
    "probability",
    "decision",
    "model",
    "policy",
    "contract",
    "reasons",
)
