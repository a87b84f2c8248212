"""Figures per protected attribute and group: approval, errors, calibration and ranking, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import erfc, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import DECISIONS, Decision
from training.data import Outcomes
from training.fairness.groups import UNKNOWN
from training.fairness.intervals import (
    Share,
    auc_interval,
    difference_interval,
    effective_rows,
    joint_z,
    mean_ratio_interval,
    ratio_interval,
    share,
)
from training.intervals import Z_95, Interval

LEAST_ROWS = 50
LEAST_OF_AN_OUTCOME = 10
DEFINITIONS = {
    "approval_ratio": "the group's approval rate divided by that of the most approved group",
    "tpr": "share of the bad that is not approved (referred or declined)",
    "fpr": "share of the good that is not approved (referred or declined)",
    "tpr_gap": "the group's tpr minus that of the most approved group",
    "fpr_gap": "the group's fpr minus that of the most approved group",
    "calibration_gap": "bad rate minus mean probability; p is of the two-sided z test that both are equal",
    "calibration_ratio": "bad rate divided by mean probability; 1 is right, above 1 the risk is understated",
    "interval": "95 % for one figure; joint: 95 % for all groups of the attribute together (Bonferroni)",
}


def fairness_report(
    attributes: Mapping[str, Sequence[str]],
    outcomes: Outcomes,
    probabilities: FloatArray,
    decisions: npt.NDArray[np.int8],
    weights: FloatArray | None = None,
) -> dict[str, Any]:
    """Return figures per attribute and group as JSON data; a group too small to judge has none.

    attributes: a group label per row (rows,). outcomes: (rows,), 1 = bad. probabilities: P(bad) (rows,).
    decisions: positions in `DECISIONS` (rows,). weights: what each row stands for (rows,), 1 by default; each
    row is a case of its own. The reference is the most approved group among those that are judged.
    """
    rows = _Rows(outcomes, probabilities, decisions, np.ones(len(outcomes)) if weights is None else weights)
    return {
        "smallest_group": {"rows": LEAST_ROWS, "bad": LEAST_OF_AN_OUTCOME, "good": LEAST_OF_AN_OUTCOME},
        "definitions": DEFINITIONS,
        "attributes": {name: _attribute(np.asarray(labels), rows) for name, labels in attributes.items()},
    }


@dataclass(frozen=True)
class _Rows:
    """Rows of one group, or of all."""

    outcomes: Outcomes
    probabilities: FloatArray
    decisions: npt.NDArray[np.int8]
    weights: FloatArray

    def where(self, mask: npt.NDArray[np.bool_]) -> _Rows:
        return _Rows(self.outcomes[mask], self.probabilities[mask], self.decisions[mask], self.weights[mask])

    @property
    def large_enough(self) -> bool:
        bad = int(self.outcomes.sum())
        least = min(bad, len(self.outcomes) - bad)
        return len(self.outcomes) >= LEAST_ROWS and least >= LEAST_OF_AN_OUTCOME

    @cached_property
    def shares(self) -> dict[str, Share]:
        bad, approved = self.outcomes == 1, self.decisions == DECISIONS.index(Decision.APPROVE)
        found = {
            "bad_rate": share(bad, self.weights),
            "approval_rate": share(approved, self.weights),
            "tpr": share(~approved[bad], self.weights[bad]),
            "fpr": share(~approved[~bad], self.weights[~bad]),
        }
        return {name: item for name, item in found.items() if item is not None}


def _attribute(labels: npt.NDArray[np.str_], rows: _Rows) -> dict[str, Any]:
    groups = {str(label): rows.where(labels == label) for label in np.unique(labels)}
    judged = {name: part for name, part in groups.items() if name != UNKNOWN and part.large_enough}
    reference = max(judged, key=lambda name: judged[name].shares["approval_rate"].value, default=None)
    return {
        "reference": reference,
        "groups": [
            {
                "group": name,
                "rows": len(part.outcomes),
                "judged": name in judged,
                "figures": _figures(part, groups[reference], name == reference, len(judged))
                if reference is not None and part.large_enough
                else None,
            }
            for name, part in groups.items()
        ],
    }


def _figures(part: _Rows, reference: _Rows, is_reference: bool, groups: int) -> dict[str, Any]:
    plain = {
        name: {"value": item.value, "interval": list(item.interval())} for name, item in part.shares.items()
    }
    against = {} if is_reference else _against(part.shares, reference.shares, joint_z(groups - 1))
    return {
        "bad": int(part.outcomes.sum()),
        **plain,
        **{name: against.get(name) for name in ("approval_ratio", "tpr_gap", "fpr_gap")},
        **_calibration(part, joint_z(groups)),
        "roc_auc": _ranking(part),
    }


def _against(own: Mapping[str, Share], other: Mapping[str, Share], joint: float) -> dict[str, Any]:
    found = {}
    # Where nobody at all is approved, every group is treated alike and there is no ratio.
    if other["approval_rate"].value > 0:
        one, reference = own["approval_rate"], other["approval_rate"]
        found["approval_ratio"] = _figure(
            one.value / reference.value,
            ratio_interval(one, reference),
            ratio_interval(one, reference, joint),
        )
    for name in ("tpr", "fpr"):
        one, reference = own[name], other[name]
        found[f"{name}_gap"] = _figure(
            one.value - reference.value,
            difference_interval(one, reference),
            difference_interval(one, reference, joint),
        )
    return found


def _calibration(part: _Rows, joint: float) -> dict[str, Any]:
    """Compare bad rate and mean probability; rows keep their own probability, so only outcomes are random."""
    w, p = part.weights / part.weights.sum(), part.probabilities
    mean, observed = float((w * p).sum()), float((w * part.outcomes).sum())
    gap = observed - mean
    off = part.outcomes - p
    error = sqrt(float((w * w * (off - gap) ** 2).sum()))
    by_chance = sqrt(float((w * w * p * (1 - p)).sum()))
    ratio = observed / mean if mean > 0 else None
    return {
        "mean_probability": mean,
        "calibration_gap": {
            **_figure(gap, _around(gap, error), _around(gap, error, joint)),
            "p": erfc(abs(gap) / by_chance / sqrt(2)) if by_chance > 0 else float(gap == 0),
        },
        "calibration_ratio": None
        if ratio is None
        else _figure(
            ratio,
            mean_ratio_interval(observed, error, mean),
            mean_ratio_interval(observed, error, mean, joint),
        ),
    }


def _ranking(part: _Rows) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    bad = part.outcomes == 1
    auc = float(roc_auc_score(part.outcomes, part.probabilities, sample_weight=part.weights))
    counts = effective_rows(part.weights[bad]), effective_rows(part.weights[~bad])
    return {"value": auc, "interval": list(auc_interval(auc, *counts))}


def _figure(value: float, interval: Interval, joint: Interval) -> dict[str, Any]:
    return {"value": value, "interval": list(interval), "joint": list(joint)}


def _around(value: float, error: float, z: float = Z_95) -> Interval:
    return value - z * error, value + z * error
