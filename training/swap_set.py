"""The swap set: which cases get another decision under another policy or model, and what that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import DECISIONS, Costs, Decision, Policy
from training.data import Outcomes
from training.policies import expected_cost, expected_mix

Mask = npt.NDArray[np.bool_]
Labels = Sequence[str] | npt.NDArray[Any]
APPROVE = DECISIONS.index(Decision.APPROVE)
FIGURES = ("approval_rate", "refer_rate", "decline_rate", "expected_cost", "realised_cost")


def swap_set(  # noqa: PLR0913, PLR0917  # two sides, and what is known of the cases
    probabilities_a: FloatArray,
    policy_a: Policy,
    probabilities_b: FloatArray,
    policy_b: Policy,
    outcomes: Outcomes | FloatArray | None = None,
    costs: Costs | None = None,
    groups: Mapping[str, Labels] | None = None,
    weights: FloatArray | None = None,
) -> dict[str, Any]:
    """Return, as JSON data, who changes decision from policy a to policy b, on the same rows in the same order.

    probabilities (rows,): P(bad) by each side's model, the same array twice for one model. outcomes (rows,):
    1 = bad, NaN where unknown; a bad rate counts the known ones. costs: expected cost takes each side's own
    probabilities, realised cost the known outcomes; both are None where a review has no stated cost. groups: a label
    per row under each attribute. Counts are of rows; shares, rates and costs are weighted by `weights` (rows,).
    Raises `ValueError` unless everything has as many rows.
    """
    labels = {name: np.asarray(column).astype(str) for name, column in (groups or {}).items()}
    rows = len(probabilities_a)
    cases = _Cases(
        np.full(rows, np.nan) if outcomes is None else outcomes.astype(np.float64),
        np.ones(rows) if weights is None else weights,
    )
    _expect_rows(rows, {"probabilities_b": probabilities_b, **vars(cases), **labels})
    a = _Side(policy_a, probabilities_a, policy_a.decide_all(probabilities_a))
    b = _Side(policy_b, probabilities_b, policy_b.decide_all(probabilities_b))
    before, after = _figures(cases, a, costs), _figures(cases, b, costs)
    return {
        "rows": cases.rows,
        "changed": _part(cases, a.decisions != b.decisions),
        "before": before,
        "after": after,
        "change": {name: _difference(before[name], after[name]) for name in FIGURES},
        "cells": _cells(cases, a, b),
        "swapped_in": _part(cases, (a.decisions != APPROVE) & (b.decisions == APPROVE)),
        "swapped_out": _part(cases, (a.decisions == APPROVE) & (b.decisions != APPROVE)),
        "groups": {name: _groups(cases, column, a, b) for name, column in labels.items()},
    }


@dataclass(frozen=True)
class _Cases:
    """What is known of the rows: outcomes (rows,) as floats, NaN where unknown, and weights (rows,)."""

    outcomes: FloatArray
    weights: FloatArray

    @property
    def rows(self) -> int:
        return len(self.weights)

    def mean(self, values: FloatArray | Mask, among: Mask) -> float | None:
        total = float(self.weights[among].sum())
        return float(np.average(values[among], weights=self.weights[among])) if total > 0 else None


@dataclass(frozen=True)
class _Side:
    """A policy, the probabilities that it is given and its decisions as positions in `DECISIONS`, each (rows,)."""

    policy: Policy
    probabilities: FloatArray
    decisions: npt.NDArray[np.int8]


def _expect_rows(rows: int, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    if not rows:
        raise ValueError("a swap set needs at least one row")
    for name, column in columns.items():
        if len(column) != rows:
            raise ValueError(f"a swap set compares the same rows: {name} has {len(column)}, not {rows}")


def _figures(cases: _Cases, side: _Side, costs: Costs | None) -> dict[str, Any]:
    mix = expected_mix(side.probabilities, side.policy, cases.weights)
    referred = side.decisions == DECISIONS.index(Decision.REFER)
    priced = costs if costs and not (costs.review is None and referred.any()) else None
    return {
        "policy": side.policy.version,
        "approval_rate": mix["approve"],
        "refer_rate": mix["refer"],
        "decline_rate": mix["decline"],
        "expected_cost": priced and expected_cost(side.probabilities, side.policy, priced, cases.weights),
        "realised_cost": priced and _realised_cost(cases, side, priced),
    }


def _realised_cost(cases: _Cases, side: _Side, costs: Costs) -> float | None:
    by_outcome = np.array([[0.0, costs.false_approve], [costs.review or 0.0] * 2, [costs.false_decline, 0.0]])
    known = ~np.isnan(cases.outcomes)
    bad = np.where(known, cases.outcomes, 0).astype(np.intp)
    return cases.mean(by_outcome[side.decisions, bad], known)


def _cells(cases: _Cases, a: _Side, b: _Side) -> list[dict[str, Any]]:
    """Return the three by three cells of the table from -> to, row by row; `probability` is side b's mean."""
    return [
        {
            "from": str(earlier),
            "to": str(later),
            **_part(cases, among := (a.decisions == row) & (b.decisions == column)),
            "probability": cases.mean(b.probabilities, among),
        }
        for row, earlier in enumerate(DECISIONS)
        for column, later in enumerate(DECISIONS)
    ]


def _part(cases: _Cases, among: Mask) -> dict[str, Any]:
    known = among & ~np.isnan(cases.outcomes)
    return {
        "rows": int(among.sum()),
        "share": cases.mean(among, np.ones(cases.rows, dtype=bool)),
        "bad": int(cases.outcomes[known].sum()) if known.any() else None,
        "bad_rate": cases.mean(cases.outcomes, known),
    }


def _groups(cases: _Cases, labels: npt.NDArray[Any], a: _Side, b: _Side) -> list[dict[str, Any]]:
    return [_group(cases, str(label), labels == label, a, b) for label in np.unique(labels)]


def _group(cases: _Cases, label: str, among: Mask, a: _Side, b: _Side) -> dict[str, Any]:
    return {
        "group": label,
        "rows": int(among.sum()),
        "changed": int((among & (a.decisions != b.decisions)).sum()),
        "stricter": int((among & (b.decisions > a.decisions)).sum()),
        "milder": int((among & (b.decisions < a.decisions)).sum()),
        "approval_rate_before": cases.mean(a.decisions == APPROVE, among),
        "approval_rate_after": cases.mean(b.decisions == APPROVE, among),
    }


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
