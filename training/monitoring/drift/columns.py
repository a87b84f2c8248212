"""Drift column by column: how far each input has moved, and whether chance would do that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Contract
from service.scoring.profile import QUANTILES, Distribution
from training.monitoring.drift.judging import STABILITY, Status
from training.monitoring.drift.reference import Reference, counted, stability
from training.monitoring.drift.significance import Counts, discoveries, of_counts, of_values, together
from training.monitoring.observed import Observed


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """What became of one input of the model.

    csi: population stability index of the column, nulls being one bin; None where the reference or the analysis has
    no row. p: of the test; q: after Benjamini and Hochberg over the columns. nulls, reference_nulls: shares. refused:
    by code, how many records the contract refused for this field (`level`: a new level, `range`: an impossible value).
    """

    name: str
    test: Literal["ks", "chi2"]
    csi: float | None
    p: float | None
    nulls: float
    reference_nulls: float
    refused: Mapping[str, int]
    q: float | None = None
    status: Status = Status.FEW

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {**asdict(self), "status": str(self.status)}


def column_drifts(
    contract: Contract, observed: Observed, reference: Reference, level: float
) -> tuple[ColumnDrift, ...]:
    """Return what became of each input, in the order of the contract; level: of one test.

    Kolmogorov-Smirnov for numbers that are compared with numbers of a window, as long as they are not few and the same
    again and again; chi-square on bins or levels for the rest, and where the reference is a profile.
    """
    found = [_column(contract, observed, reference, position) for position in range(len(contract.inputs))]
    return _judged(found, level)


def _column(contract: Contract, observed: Observed, reference: Reference, position: int) -> ColumnDrift:
    name = contract.inputs[position]
    before = reference.profile.inputs[name]
    values = observed.matrix[:, position]
    counts, nulls = counted(values, before.borders, len(before.counts))
    bins = _with_nulls(before, counts, nulls)
    ordered = reference.matrix is not None and len(before.borders) == QUANTILES - 1
    if ordered and reference.matrix is not None:
        p = _of_numbers(reference.matrix[:, position], values)
    else:
        p = of_counts(*(np.array(item, np.int64) for item in bins))
    return ColumnDrift(
        name=name,
        test="ks" if ordered else "chi2",
        csi=stability(*bins),
        p=_certain(bins) if p is None else p,
        nulls=nulls / max(observed.rows, 1),
        reference_nulls=before.nulls / max(reference.rows, 1),
        refused={
            code: count for (field, code), count in sorted(observed.refused.fields.items()) if field == name
        },
    )


def _with_nulls(before: Distribution, counts: Counts, nulls: int) -> tuple[list[int], list[int]]:
    return [*before.counts, before.nulls], [*counts.tolist(), nulls]


def _of_numbers(before: FloatArray, after: FloatArray) -> float | None:
    null_before, null_after = np.isnan(before), np.isnan(after)
    p = of_values(before[~null_before], after[~null_after])
    if not (null_before.any() or null_after.any()):
        return p
    shares = (np.array([mask.sum(), (~mask).sum()], np.int64) for mask in (null_before, null_after))
    return together([p, of_counts(*shares)])


def _certain(bins: tuple[list[int], list[int]]) -> float | None:
    """Return 1 where both have all of their cases in the same bin, about which there is nothing to test."""
    filled = [{place for place, count in enumerate(counts) if count} for counts in bins]
    return 1.0 if filled[0] == filled[1] and len(filled[0]) == 1 else None


def _judged(found: Sequence[ColumnDrift], level: float) -> tuple[ColumnDrift, ...]:
    qs = discoveries([item.p for item in found])
    return tuple(
        replace(item, q=q, status=STABILITY.judge(item.csi, item.p, level))
        for item, q in zip(found, qs, strict=True)
    )
