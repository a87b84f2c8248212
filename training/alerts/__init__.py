"""Alerts: what looks find becomes incidents, and people are told of each once when it begins and once when it is over.

Every look is one numbered event; incidents are derived from all of them, so that there is no state to get out of step.
"""

from __future__ import annotations

from training.alerts.alerts_file import Alerts, read_alerts
from training.alerts.finding import Finding, Look, Severity
from training.alerts.incident import Incident
from training.alerts.metrics import METRICS
from training.alerts.settle import incidents_of, raise_alerts, settle_incidents

__all__ = [
    "METRICS",
    "Alerts",
    "Finding",
    "Incident",
    "Look",
    "Severity",
    "incidents_of",
    "raise_alerts",
    "read_alerts",
    "settle_incidents",
]
