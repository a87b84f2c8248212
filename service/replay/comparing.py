"""A block of batch decisions beside what its records come to now."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.decision_log.segments.answers import (
    REASONS,
    decision_codes,
    probabilities,
    row_numbers,
)
from service.decision_log.segments.decisions import decision_id
from service.decision_log.segments.segment import Segment
from service.decision_log.segments.table import records
from service.replay.results import Difference
from service.scoring.policy import DECISIONS
from service.scoring.reasons import Reason
from service.scoring.scorer import ScoredTable, Scorer

Mask = npt.NDArray[np.bool_]


def differences(segment: Segment, block: pa.Table, scorer: Scorer, *, reasons: bool) -> list[Difference]:
    """Return the first thing in which each row that comes out otherwise does so; probabilities are compared as bits."""
    if not block.num_rows:
        return []
    if scorer.contract.version != segment.row.contract:
        versions = segment.row.contract, scorer.contract.version
        return [_difference(segment, row, "contract", *versions) for row in row_numbers(block).tolist()]
    scored = scorer.score_table(records(block), text=segment.facts.heading.text)
    found = _refusals(segment, block, scored) | _answers(segment, block, scored)
    if reasons and REASONS in block.column_names:
        found = _reasons(segment, block, scorer, scored) | found
    return [found[place] for place in sorted(found)]


def same_answers(block: pa.Table, scored: ScoredTable) -> Mask:
    """Return which rows (rows,) have the very probability and decision that they were logged with."""
    return np.equal(decision_codes(block), scored.decisions) & ~_other_probability(block, scored)


def reasons_at(scorer: Scorer, scored: ScoredTable, places: npt.NDArray[np.intp]) -> list[tuple[Reason, ...]]:
    """Return the reasons of some rows of a scored block."""
    values = {name: column[places] for name, column in scored.checked[0].values.items()}
    return [scorer.reasons_of(row) for row in scorer.encoder.encode_table(values).tolist()]


def codes_of(reasons: tuple[Reason, ...]) -> str:
    """Return reasons as a segment holds them."""
    return ";".join(reason.code for reason in reasons)


def _refusals(segment: Segment, block: pa.Table, scored: ScoredTable) -> dict[int, Difference]:
    numbers = row_numbers(block)
    return {
        place: _difference(
            segment,
            int(numbers[place]),
            "record",
            "accepted",
            f"refused: {'; '.join(item.message for item in findings)}",
        )
        for place, findings in scored.checked[0].findings().items()
    }


def _answers(segment: Segment, block: pa.Table, scored: ScoredTable) -> dict[int, Difference]:
    numbers, before = row_numbers(block), probabilities(block)
    other = _other_probability(block, scored)
    found = {}
    for place in np.flatnonzero(scored.valid & other).tolist():
        values = float(before[place]), float(scored.probabilities[place])
        found[place] = _difference(segment, int(numbers[place]), "probability", *values)
    codes = decision_codes(block)
    for place in np.flatnonzero(scored.valid & ~other & (codes != scored.decisions)).tolist():
        names = _name(codes[place]), _name(scored.decisions[place])
        found[place] = _difference(segment, int(numbers[place]), "decision", *names)
    return found


def _reasons(segment: Segment, block: pa.Table, scorer: Scorer, scored: ScoredTable) -> dict[int, Difference]:
    numbers, told = row_numbers(block), block.column(REASONS).to_pylist()
    refused = np.flatnonzero(scored.decisions > 0)
    given: dict[int, str] = dict(
        zip(refused.tolist(), map(codes_of, reasons_at(scorer, scored, refused)), strict=True)
    )
    return {
        place: _difference(segment, int(numbers[place]), "reasons", before, given.get(place))
        for place, before in enumerate(told)
        if before != given.get(place)
    }


def _other_probability(block: pa.Table, scored: ScoredTable) -> Mask:
    # As bits, but for the sign of zero, which the log does not keep of other decisions.
    before, after = probabilities(block) + 0.0, scored.probabilities + 0.0
    return np.not_equal(before.view(np.int64), after.view(np.int64))


def _name(code: Any) -> str | None:
    return str(DECISIONS[code]) if code >= 0 else None


def _difference(segment: Segment, row: int, what: str, before: Any, after: Any) -> Difference:
    return Difference(
        decision_id(segment.id, row), segment.row.model, segment.row.policy, what, before, after
    )
