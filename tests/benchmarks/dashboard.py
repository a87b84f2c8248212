"""What the dashboard costs: counting a million logged decisions once, an answer then, and what callers notice of it.

    python tests/benchmarks/dashboard.py [--rows 1000000] [--outcomes 200000] [--work FOLDER] [--json]

The decision log is that of `tests/benchmarks/drift.py`, and is used again where it is there. It is counted at once,
without rests, in a process of its own; then `/dashboard.json` is asked for. Then the counts are deleted, and a server
is asked for decisions, one after the other, first while nobody looks at the dashboard, and then while it counts
everything again because somebody does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tests.benchmarks.drift import USE_CASE, home_with_log
from tests.processes import Home
from training.use_cases import use_cases

HERE = Path(__file__).resolve().parent
QUIET_SECONDS = 15.0
ANSWERS = 20
# Counts everything that a home's log holds, as fast as it goes.
COUNT = f"""
from service.decision_log.segments.store import SegmentStore
from service.model_store import load_scorer
from service.monitoring.following import catch_up
from service.places import place_of
from service.settings import Settings
settings = Settings.from_environment()
store = SegmentStore(settings.decision_log, place_of(settings.segments))
catch_up(settings.monitoring, store, load_scorer({USE_CASE!r}, settings.bentoml_home))
print("done")
"""


@dataclass(frozen=True)
class Latency:
    """Milliseconds that so many requests took, one after the other."""

    requests: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Cost:
    """What was found.

    counting_*: of a process that counts everything and ends. answer_ms: the median of `/dashboard.json` over 30 days,
    and over 97. quiet, counting: decisions while nobody looks, and while the service counts; counted_seconds: how long
    that took it.
    """

    decisions: int
    outcomes: int
    counting_seconds: float
    counting_processor_seconds: float
    counting_peak_bytes: int
    answer_ms: tuple[float, float]
    quiet: Latency
    counting: Latency
    counted_seconds: float


def main() -> None:
    options = _options()
    home = home_with_log(options.work, options.rows, options.outcomes)
    cost = measured(home, options.rows, options.outcomes)
    sys.stdout.write((json.dumps(asdict(cost), indent=1) if options.json else told(cost)) + "\n")


def measured(home: Home, rows: int, outcomes: int) -> Cost:
    """Measure all of it on the log of a home."""
    _forget(home)
    counted = _count(home)
    with home.serve(USE_CASE, AVAL_REQUEST_LOG="no") as url:
        answers = (_answer_ms(url, 30), _answer_ms(url, 97))
    _forget(home)
    with home.serve(USE_CASE, AVAL_REQUEST_LOG="no") as url:
        _asked(url, lambda: True, 3.0)
        quiet = _asked(url, lambda: True, QUIET_SECONDS)
        began = time.monotonic()
        counting = _asked(url, _is_behind(url), 600.0)
        seconds = time.monotonic() - began
    return Cost(rows, outcomes, *counted, answers, quiet, counting, seconds)


def told(cost: Cost) -> str:
    """Return the figures as lines."""
    lines = [
        f"{cost.decisions:,} decisions, {cost.outcomes:,} outcomes",
        f"counted at once: {cost.counting_seconds:.1f} s, {cost.counting_processor_seconds:.1f} s of processors, "
        f"{cost.counting_peak_bytes / 2**20:,.0f} MiB at most",
        f"/dashboard.json: {cost.answer_ms[0]:.0f} ms over 30 days, {cost.answer_ms[1]:.0f} ms over 97",
        f"decisions while nobody looks: {_words(cost.quiet)}",
        f"decisions while the service counts all of it, for {cost.counted_seconds:.0f} s: {_words(cost.counting)}",
    ]
    return "\n".join(lines)


def _words(latency: Latency) -> str:
    return f"p50 {latency.p50_ms:.2f} ms, p99 {latency.p99_ms:.2f} ms, of {latency.requests:,}"


def _count(home: Home) -> tuple[float, float, int]:
    watch = [
        sys.executable,
        str(HERE / "watch.py"),
        str(home.folder / "count.txt"),
        sys.executable,
        "-c",
        COUNT,
    ]
    answer = subprocess.run(watch, check=True, capture_output=True, text=True, env=home.environment())
    found = json.loads(answer.stdout)
    return found["seconds"], found["processor_seconds"], found["peak_bytes"]


def _forget(home: Home) -> None:
    for file in (home.folder / "aval").glob("monitoring.db*"):
        file.unlink()


def _answer_ms(url: str, days: int) -> float:
    today = time.time() // 86_400 * 86_400
    first, last = (time.strftime("%Y-%m-%d", time.gmtime(at)) for at in (today - 86_400 * (days - 1), today))
    taken = []
    with httpx.Client() as client:
        for _ in range(ANSWERS):
            began = time.perf_counter()
            client.get(f"{url}/dashboard.json", params={"from": first, "until": last}).raise_for_status()
            taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def _is_behind(url: str) -> Callable[[], bool]:
    """Return what asks for the dashboard every two seconds, as a page does, and says whether it is still counting."""
    asked, behind = 0.0, True

    def ask() -> bool:
        nonlocal asked, behind
        if time.monotonic() - asked > 2:
            behind = httpx.get(f"{url}/dashboard.json", timeout=30).json()["behind"] > 100
            asked = time.monotonic()
        return behind

    return ask


def _asked(url: str, goes_on: Callable[[], bool], seconds: float) -> Latency:
    case = use_cases()[USE_CASE]
    records = case.sample(200, seed=3).drop(columns=case.contract.outcome.name).to_json(orient="records")
    bodies = [json.dumps(record).encode() for record in json.loads(records)]
    taken: list[float] = []
    until = time.monotonic() + seconds
    with httpx.Client(headers={"content-type": "application/json"}) as client:
        while time.monotonic() < until and goes_on():
            began = time.perf_counter()
            client.post(f"{url}/predict", content=bodies[len(taken) % len(bodies)]).raise_for_status()
            taken.append(1000 * (time.perf_counter() - began))
    quantiles = statistics.quantiles(taken, n=100)
    return Latency(len(taken), quantiles[49], quantiles[98])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--outcomes", type=int, default=200_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "aval-drift-benchmark")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
