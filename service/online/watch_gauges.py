"""Gauges of how the model is doing, set after each look at the decision log, for whoever raises alarms by them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge


class WatchGauges:
    """The figures that `service.monitoring.watch` tells; one that is not known is NaN, or has no sample."""

    def __init__(self, registry: CollectorRegistry, *, alone: bool) -> None:
        """Register the gauges; alone: whether no other process has figures of its own."""
        psi = "PSI of the served model's score over the last 7 days, against the bundle's profile: told, not judged"
        told = "Outcomes that are known of all decisions that are counted"
        looked = "When the decision log was last counted, in seconds since 1970"
        csi = "CSI of an input over the last 7 days, against the bundle's profile"
        self._psi = _gauge("aval_drift_psi", psi, registry)
        self._told = _gauge("aval_outcomes_told", told, registry)
        self._behind = _gauge(
            "aval_monitoring_behind", "Entries of the decision log that are not counted yet", registry
        )
        self._looked = _gauge("aval_monitoring_looked_seconds", looked, registry)
        self._csi = _gauge("aval_drift_csi", csi, registry, "column")
        self._incidents = _gauge("aval_open_incidents", "Incidents that are open", registry, "severity")
        if alone:
            # Of several processes none has a sample before it is set; the only one's would be 0, which is a figure.
            for gauge in (self._psi, self._told, self._behind, self._looked):
                gauge.set(math.nan)

    def set(self, figures: Mapping[str, Any]) -> None:
        """Take down what is known now; `looked` is left as it was where it is not known."""
        self._psi.set(_known(figures["psi"]))
        self._told.set(figures["told"])
        self._behind.set(figures["behind"])
        if figures.get("looked") is not None:
            self._looked.set(figures["looked"])
        for column, csi in figures["csi"].items():
            self._csi.labels(column).set(_known(csi))
        for severity, count in figures["incidents"].items():
            self._incidents.labels(severity).set(count)


def _gauge(name: str, text: str, registry: CollectorRegistry, *labels: str) -> Gauge:
    # Several workers look in turn, and what was set last holds good.
    return Gauge(name, text, labels, registry=registry, multiprocess_mode="livemostrecent")


def _known(value: float | None) -> float:
    return math.nan if value is None else value
