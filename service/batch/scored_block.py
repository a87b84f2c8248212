"""One block of records, scored: a table of answers, and a table of what was refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.batch.quarantine import quarantine_table
from service.scoring.contract import Role
from service.scoring.policy import DECISIONS
from service.scoring.scorer import ScoredTable, Scorer

_NAMES = pa.array([str(decision) for decision in DECISIONS])


@dataclass(frozen=True)
class ScoredBlock:
    """answers: one row per scored record. refused: one row per refused one. decisions: int (3,), how many of each."""

    answers: pa.Table
    refused: pa.Table
    decisions: npt.NDArray[np.intp]


def score_block(scorer: Scorer, block: pa.Table, first_row: int, *, text: bool, reasons: bool) -> ScoredBlock:
    """Score at most `ROWS_PER_BLOCK` records, of which the first is row `first_row` of its file."""
    scored = scorer.score_table(block, text=text)
    valid = np.flatnonzero(scored.valid)
    decisions = scored.decisions[valid]
    columns = {"row": pa.array(valid + first_row)}
    columns |= {name: column.take(pa.array(valid)) for name, column in _ids(scorer, block).items()}
    columns |= {
        "probability": pa.array(scored.probabilities[valid]),
        "decision": pa.DictionaryArray.from_arrays(pa.array(decisions), _NAMES),
        "model": _constant(scorer.tag, len(valid)),
        "policy": _constant(scorer.policy.version, len(valid)),
        "contract": _constant(scorer.contract.version, len(valid)),
    }
    if reasons:
        columns["reasons"] = _reason_codes(scorer, scored, valid)
    refused = quarantine_table(block, scored.checked[0], first_row)
    return ScoredBlock(pa.table(columns), refused, np.bincount(decisions, minlength=len(DECISIONS)))


def _ids(scorer: Scorer, block: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Id columns that the file has; one that is called like a column of ours gets `input_` before its name."""
    names = [column.name for column in scorer.contract.of_role(Role.ID) if column.name in block.column_names]
    return {f"input_{name}" if name in OWN_COLUMNS else name: _as_came(block.column(name)) for name in names}


def _as_came(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    if pa.types.is_string_view(ids.type):
        return ids.cast(pa.large_string())
    # As text: no integer type holds all the decimals that a database calls whole.
    return ids.cast(pa.string()) if pa.types.is_decimal(ids.type) or pa.types.is_null(ids.type) else ids


def _constant(text: str, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int8)), pa.array([text]))


def _reason_codes(scorer: Scorer, scored: ScoredTable, valid: npt.NDArray[np.intp]) -> pa.Array:
    """Return the codes of each scored row that was not approved, joined by `;`."""
    explained = valid[scored.decisions[valid] > 0]
    values = {name: column[explained] for name, column in scored.checked[0].values.items()}
    codes: dict[int, str] = {}
    for row, encoded in zip(explained.tolist(), scorer.encoder.encode_table(values).tolist(), strict=True):
        codes[row] = ";".join(reason.code for reason in scorer.reasons_of(encoded))
    return pa.array([codes.get(row) for row in valid.tolist()], pa.string())


OWN_COLUMNS = ("row", "probability", "decision", "model", "policy", "contract", "reasons")
