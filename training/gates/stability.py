"""Gates on stability: do untouched rows look, and score, like those that the model was made on?"""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.gates.result import GATES, GateResult
from training.use_case import Requirements

BINS = 10


def population_stability(reference: FloatArray, scores: FloatArray) -> dict[str, Any]:
    """Return the PSI of scores against reference scores, beside what equal populations of that size show by chance.

    Both must be scores of rows that the fit did not see, and of one and the same fit: scores of several fits differ
    even where the population is the same (on fraud, out-of-fold scores alone give 0.5). Ten bins of the
    reference's deciles, half a row added to each. By chance: a chi-square times 1/n + 1/m (Yurdakul, 2018).
    """
    from scipy.stats import chi2

    borders = np.unique(np.quantile(reference, np.arange(1, BINS) / BINS, method="higher"))
    # A calibrator with steps gives ties: no bin may be empty in the reference.
    borders = borders[borders > reference.min()]
    before, after = (_bin_shares(borders, values) for values in (reference, scores))
    chance = chi2.ppf(0.99, max(len(borders), 1)) * (1 / len(reference) + 1 / len(scores))
    return {
        "psi": float(((after - before) * np.log(after / before)).sum()),
        "psi_by_chance_99": float(chance),
        "reference_rows": len(reference),
        "rows": len(scores),
    }


def stability_gates(requirements: Requirements, evidence: Mapping[str, Any]) -> list[GateResult]:
    """Judge the shift of the scores (PSI) and the AUC on untouched rows against that out of fold."""
    return [_shift_gate(requirements, evidence), _untouched_gate(evidence)]


def _shift_gate(requirements: Requirements, evidence: Mapping[str, Any]) -> GateResult:
    gate, required = GATES["G-PSI"], f"a population stability index of at most {requirements.most_psi:g}"
    found = evidence.get("stability") or {}
    if found.get("psi") is None:
        return gate.missing(required)
    chance = found.get("psi_by_chance_99", 0.0)
    if chance > requirements.most_psi:
        required = f"at most {chance:.4f}, which so few rows show by chance (else {requirements.most_psi:g})"
    return gate.judge(found["psi"] <= max(requirements.most_psi, chance), f"{found['psi']:.4f}", required)


def _untouched_gate(evidence: Mapping[str, Any]) -> GateResult:
    """Both AUCs are uncertain: the untouched one may be lower by what chance explains of either.

    That is the root of the sum of two squares: of the upper half of the untouched interval, and of the lower half
    of the interval out of fold.
    """
    gate = GATES["G-UNTOUCHED"]
    auc, interval = _auc(evidence["procedure"])
    expected, out_of_fold = _auc(evidence["shipped"])
    if interval is None or out_of_fold is None:
        return gate.missing("at least the ROC AUC out of fold, less what chance explains")
    least = expected - hypot(interval[1] - auc, expected - out_of_fold[0])
    return gate.judge(
        auc >= least,
        f"{auc:.4f}",
        f"at least {least:.4f}: the {expected:.4f} out of fold, less what chance explains",
        interval,
        "better than out of fold is no failure",
    )


def _auc(judgement: Mapping[str, Any]) -> tuple[float, list[float] | None]:
    return judgement["metrics"]["roc_auc"], judgement.get("intervals", {}).get("roc_auc")


def _bin_shares(borders: FloatArray, values: FloatArray) -> FloatArray:
    counts = np.bincount(np.searchsorted(borders, values, side="right"), minlength=len(borders) + 1) + 0.5
    shares: FloatArray = counts / counts.sum()
    return shares
