"""Has what comes in changed? Each column by itself, all of them together, the score, and what is refused."""

from __future__ import annotations

from training.monitoring.drift.columns import ColumnDrift, column_drifts
from training.monitoring.drift.domain import DomainDrift, domain_drift
from training.monitoring.drift.judging import Bounds, Status
from training.monitoring.drift.prior import PriorShift, prior_shift
from training.monitoring.drift.reference import Reference, profile_reference, window_reference
from training.monitoring.drift.refusals import RefusalDrift, refusal_drift
from training.monitoring.drift.score import ScoreDrift, score_drift

__all__ = [
    "Bounds",
    "ColumnDrift",
    "DomainDrift",
    "PriorShift",
    "Reference",
    "RefusalDrift",
    "ScoreDrift",
    "Status",
    "column_drifts",
    "domain_drift",
    "prior_shift",
    "profile_reference",
    "refusal_drift",
    "score_drift",
    "window_reference",
]
