"""What the service counts and times, for Prometheus; every label has few values, whatever callers send."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)

from service.online.held_values import HeldValues
from service.online.traffic import traffic_json
from service.online.watch_gauges import WatchGauges
from service.scoring.policy import DECISIONS

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
STAGE_SECONDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1.0)
PROBABILITIES = (0.01, 0.02, 0.05, *(step / 10 for step in range(1, 11)))
STAGES = ("score", "log")


class Metrics:
    """The counters of one worker; `text` adds up all workers'."""

    def __init__(self, routes: Iterable[str], serves: dict[str, str], shared: Path | None) -> None:
        """Register everything that is counted.

        routes: paths that have a label of their own. serves: tags and versions of what is served, as labels of
        `aval_info`. shared: the folder in which workers put their figures together, None for one process alone.
        """
        self._shared = shared
        self._held = None if shared is None else _hold(shared)
        self._own = CollectorRegistry()
        self._register_requests(frozenset(routes), self._own)
        self._register_decisions(self._own)
        self._register_log(self._own)
        self._watch = WatchGauges(self._own, alone=shared is None)
        self._shadow = Counter(
            "aval_shadow", "Records offered to the shadow", ("result",), registry=self._own
        )
        info = Gauge(
            "aval_info", "What is served", tuple(serves), registry=self._own, multiprocess_mode="livemax"
        )
        info.labels(**serves).set(1)

    def _register_requests(self, routes: frozenset[str], own: CollectorRegistry) -> None:
        self._routes = routes
        # Finding a label's child takes longer than counting; there are few, whatever callers send.
        self._children = lru_cache(self._find_children)
        self._requests = Counter(
            "aval_requests", "Requests answered", ("route", "method", "status"), registry=own
        )
        self._seconds = Histogram(
            "aval_request_seconds", "Seconds to answer", ("route",), registry=own, buckets=SECONDS
        )
        stages = Histogram(
            "aval_stage_seconds", "Seconds of a stage", ("stage",), registry=own, buckets=STAGE_SECONDS
        )
        self._stages = {name: stages.labels(name) for name in STAGES}

    def _register_decisions(self, own: CollectorRegistry) -> None:
        decisions = Counter("aval_decisions", "Decisions answered", ("decision",), registry=own)
        self._decisions = {str(name): decisions.labels(str(name)) for name in DECISIONS}
        self._probability = Histogram(
            "aval_probability", "Probability of bad, of decisions", registry=own, buckets=PROBABILITIES
        )
        findings = "Findings against fields of refused records"
        self._refused = Counter("aval_refused_fields", findings, ("field", "code"), registry=own)

    def _register_log(self, own: CollectorRegistry) -> None:
        self._commits = Histogram(
            "aval_log_commit_seconds", "Seconds of a commit of the log", registry=own, buckets=SECONDS
        )
        self._committed = Counter("aval_log_entries", "Entries that the log has taken", registry=own)
        self._waiting = _gauge("aval_log_waiting", "Entries that are not durable yet", own)
        self._spooled = _gauge("aval_log_spooled", "Entries kept on disk until the log is back", own)
        up = "Whether the decision log takes entries (least of all workers)"
        self._up = _gauge("aval_log_up", up, own, "livemin")

    def watched(self, figures: Mapping[str, Any]) -> None:
        """Take down what is known of the model: the figures that `service.monitoring.watch` tells."""
        self._watch.set(figures)

    def traffic(self) -> dict[str, Any]:
        """Return this process's requests since its start: see `service.online.traffic`."""
        return traffic_json(self._requests, self._seconds)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        route = route if route in self._routes else OTHER
        counter, times = self._children(route, method if method in ("GET", "POST") else OTHER, status)
        counter.inc()
        times.observe(seconds)

    def decided(self, decision: str, probability: float) -> None:
        """Count a decision."""
        self._decisions[decision].inc()
        self._probability.observe(probability)

    def refused(self, fields: Iterable[tuple[str, str]]) -> None:
        """Count what was wrong with records: names of the contract's fields, and codes of findings."""
        for field, code in fields:
            self._refused.labels(field, code).inc()

    def shadowed(self, result: str) -> None:
        """Count a record that was offered to the shadow."""
        self._shadow.labels(result).inc()

    def committed(self, entries: int, seconds: float) -> None:
        """Count a commit of the log; may be called from another thread."""
        self._committed.inc(entries)
        self._commits.observe(seconds)

    def log_state(self, waiting: int, spooled: int, up: bool) -> None:
        """Take down how the decision log is."""
        self._waiting.set(waiting)
        self._spooled.set(spooled)
        self._up.set(up)

    def took(self, stage: str, since: float) -> None:
        """Take down that a stage which began at `since` (`perf_counter`) is over."""
        self._stages[stage].observe(perf_counter() - since)

    def _find_children(self, route: str, method: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(route, method, status), self._seconds.labels(route)

    def text(self) -> bytes:
        """Return the exposition of all workers, or of this process alone where no folder is shared.

        Exact for this process, and for the others what they last shared.
        """
        if self._shared is None:
            return generate_latest(self._own)
        self.share()
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, str(self._shared))
        return generate_latest(registry)

    def share(self) -> None:
        """Let the other workers' expositions have what was counted since the last time; to be called every second."""
        if self._held is not None:
            self._held.share()

    def forget_dead_workers(self) -> None:
        """Remove the gauges of workers that ended without a word, so that they are not counted as alive."""
        files = [] if self._shared is None else self._shared.glob("gauge_live*_*.db")
        for pid in {int(file.stem.rpartition("_")[2]) for file in files}:
            if not _is_alive(pid):
                multiprocess.mark_process_dead(pid, str(self._shared))


def _hold(folder: Path) -> HeldValues:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    held = HeldValues(os.getpid())
    values.ValueClass = held.kind
    return held


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _gauge(
    name: str, text: str, registry: CollectorRegistry, mode: Literal["livesum", "livemin"] = "livesum"
) -> Gauge:
    return Gauge(name, text, registry=registry, multiprocess_mode=mode)
