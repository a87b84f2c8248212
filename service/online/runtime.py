"""The Python process itself: a garbage collector that does not halt requests."""

from __future__ import annotations

import gc

# Young objects are looked at every 50,000 and everything every 50,000 * 20 * 50: a full look took up to 249 ms of a
# request where BentoML's defaults were kept (p99 97-207 ms), against 2-9 ms so (tests/benchmarks/online.py).
THRESHOLDS = (50_000, 20, 50)


def settle() -> None:
    """Take what is loaded out of the collector's sight, once, before the first request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
