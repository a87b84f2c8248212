"""How many requests a process has answered, and how fast, drawn from what it counts for Prometheus."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_client.samples import Sample

from service.online.paths import HEALTH, METRICS

# Asked every few seconds by whoever watches over the service, and answered from memory.
_LEFT_OUT = frozenset((*HEALTH, METRICS))


def traffic_json(requests: Counter, seconds: Histogram) -> dict[str, Any]:
    """Return requests, those that failed (5xx), and the milliseconds that half of them and 99 % took at most.

    Both metrics have the label `route`; None in the place of milliseconds where there was no request.
    """
    counted = [sample for sample in _samples(requests) if sample.name.endswith("_total")]
    buckets: dict[float, float] = defaultdict(float)
    for sample in _samples(seconds):
        if sample.name.endswith("_bucket"):
            buckets[float(sample.labels["le"])] += sample.value
    return {
        "requests": int(sum(sample.value for sample in counted)),
        "errors": int(sum(sample.value for sample in counted if sample.labels["status"].startswith("5"))),
        "p50_ms": _quantile_ms(buckets, 0.5),
        "p99_ms": _quantile_ms(buckets, 0.99),
    }


def _samples(metric: Counter | Histogram) -> list[Sample]:
    found = (sample for family in metric.collect() for sample in family.samples)
    return [sample for sample in found if sample.labels["route"] not in _LEFT_OUT]


def _quantile_ms(buckets: Mapping[float, float], share: float) -> float | None:
    """Return a quantile of a cumulative histogram, taken to be even within a bucket; beyond the last, its border."""
    bounds = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    rank, low, below = share * buckets[bounds[-1]], 0.0, 0.0
    for bound in filter(math.isfinite, bounds):
        if buckets[bound] >= rank:
            return 1000 * (low + (bound - low) * (rank - below) / (buckets[bound] - below))
        low, below = bound, buckets[bound]
    return 1000 * low
