"""The online service against its peers, on one machine in one run, with one load generator.

    python tests/benchmarks/online.py [--data credit_risk_dataset.csv] [--seconds 8] [--rounds 3]
        [--connections 1 16 64] [--only aval mlserver] [--no-open-loop] [--json] [--plot FILE.svg]

Closed loop, one worker each: this service with everything on (durable decision log, reasons, keys, metrics, a line
per request), the same without the log, the same pipeline of scikit-learn behind FastAPI, MLServer and `mlflow models
serve`, and the limit: FastAPI on uvloop, which validates a record and gives it back. Every model is fitted on the
same four fifths of the cases, and every server is sent the same records of the last fifth (those without a null,
which not every peer's protocol can carry). Then an open loop at 500 requests/s on two workers of this service with
everything on, and at rising rates until it breaks: an error, or p99 above 20 ms.

Everything is made in --work (by default a folder of the system's for temporary files), MLServer's own environment
included; what is there is used again. Run it on an idle machine, and believe the ratios: medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.command import hand_over, parser_of, say
from tests.benchmarks.load import Measured, Plan, asked
from tests.benchmarks.material import Material, make_material
from tests.benchmarks.peers import Peer, aval, echo, fastapi_pipeline, fixed, mlflow_serving, mlserver

FULL, NO_LOG = "aval", "aval_without_log"
NAMES = (FULL, NO_LOG, "fastapi_echo", "fastapi_pipeline", "mlserver", "mlflow_models_serve")
FIRST_RATE, LAST_RATE, STEP = 500.0, 20_000.0, 1.25
MOST_P99 = 20.0
OPEN_CONNECTIONS = 64


@dataclass(frozen=True)
class Row:
    """A server's medians over the rounds, at so many connections; `ratio` is this service's rate to its rate."""

    name: str
    connections: int
    per_second: float
    p50: float
    p99: float
    errors: int
    ratio: float
    generator: float


def main() -> None:
    options = _options()
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    material = make_material(work, options.data)
    say(options, material.told)
    can = _limit_of_generator(material, options)
    say(options, f"the load generator alone: {can.per_second:,.0f} requests/s at 16 connections")
    rows = _closed_loops(material, options)
    say(options, *_table(rows))
    steps = [] if options.no_open_loop else _open_loops(material, options)
    report = {
        "material": material.told,
        "generator": asdict(can),
        "closed": [asdict(row) for row in rows],
        "open": [{"rate": rate, **asdict(measured)} for rate, measured in steps],
    }
    hand_over(options, report, "tests.benchmarks.drawing")


def _options() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[16])
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--no-open-loop", action="store_true")
    return parser.parse_args()


def _peers(material: Material, names: Sequence[str]) -> list[Peer]:
    made = {
        FULL: lambda: aval(FULL, material.home, material.use_case, material.key, **material.settings(FULL)),
        NO_LOG: lambda: aval(
            NO_LOG, material.home, material.use_case, material.key, **material.settings(NO_LOG, log="off")
        ),
        "fastapi_echo": lambda: echo(material.schema),
        "fastapi_pipeline": lambda: fastapi_pipeline(material.schema, material.model),
        "mlserver": lambda: mlserver(material.work, material.cases),
        "mlflow_models_serve": lambda: mlflow_serving(material.mlflow_model),
    }
    return [made[name]() for name in NAMES if name in names]


def _limit_of_generator(material: Material, options: argparse.Namespace) -> Measured:
    with fixed().running(material.work, material.records[0]) as port:
        return _load(fixed(), port, material, 16, min(options.seconds, 3.0))


def _closed_loops(material: Material, options: argparse.Namespace) -> list[Row]:
    runs: dict[tuple[str, int], list[Measured]] = {}
    # Round by round: what the machine does meanwhile meets every server alike.
    for _ in range(options.rounds):
        for peer in _peers(material, options.only):
            with peer.running(material.work, material.records[0]) as port:
                for connections in options.connections:
                    measured = _load(peer, port, material, connections, options.seconds)
                    runs.setdefault((peer.name, connections), []).append(measured)
    ours = {count: _median(runs[FULL, count], "per_second") for name, count in runs if name == FULL}
    return [_row(name, count, found, ours.get(count)) for (name, count), found in runs.items()]


def _row(name: str, connections: int, found: list[Measured], ours: float | None) -> Row:
    rate = _median(found, "per_second")
    return Row(
        name=name,
        connections=connections,
        per_second=rate,
        p50=_median(found, "p50"),
        p99=_median(found, "p99"),
        errors=sum(one.errors for one in found),
        ratio=ours / rate if ours and rate else float("nan"),
        generator=_median(found, "processor"),
    )


def _open_loops(material: Material, options: argparse.Namespace) -> list[tuple[float, Measured]]:
    settings = material.settings("open_loop", workers=2)
    peer = aval("aval_two_workers", material.home, material.use_case, material.key, **settings)
    steps: list[tuple[float, Measured]] = []
    say(options, "", "open loop, two workers, everything on: latencies from the moment intended (ms)")
    with peer.running(material.work, material.records[0]) as port:
        rate = FIRST_RATE
        while rate <= LAST_RATE:
            measured = _load(peer, port, material, OPEN_CONNECTIONS, options.seconds, rate)
            steps.append((rate, measured))
            broken = measured.errors > 0 or measured.p99 > MOST_P99
            say(options, f"  {rate:8,.0f} /s {_told(measured)}{'   breaks' if broken else ''}")
            if broken:
                break
            rate = round(rate * STEP)
    return steps


def _load(
    peer: Peer, port: int, material: Material, connections: int, seconds: float, rate: float | None = None
) -> Measured:
    bodies = material.work / f"{peer.name}.jsonl"
    bodies.write_text("".join(json.dumps(peer.written(record)) + "\n" for record in material.records))
    headers = dict(peer.headers)
    plan = Plan(port, peer.path, str(bodies), connections, seconds, min(seconds, 2.0), rate, headers)
    answer = subprocess.run(
        asked(plan, material.work), check=True, capture_output=True, text=True, env=dict(os.environ)
    )
    return Measured(**json.loads(answer.stdout))


def _median(found: Sequence[Measured], name: str) -> float:
    return float(statistics.median(asdict(one)[name] for one in found))


def _table(rows: Sequence[Row]) -> list[str]:
    head = f"  {'':22s}{'conn.':>6s}{'requests/s':>12s}{'p50 ms':>9s}{'p99 ms':>9s}{'errors':>8s}"
    lines = ["", "closed loop, one worker each; x = this service's rate to the peer's", f"{head}{'x':>8s}"]
    lines += [
        f"  {row.name:22s}{row.connections:6d}{row.per_second:12,.0f}{row.p50:9.2f}{row.p99:9.2f}"
        f"{row.errors:8d}{row.ratio:8.2f}"
        for row in sorted(rows, key=lambda row: row.connections)
    ]
    most = max(row.generator for row in rows)
    return [*lines, f"  the load generator used at most {most:.0%} of a processor"]


def _told(measured: Measured) -> str:
    return (
        f"answered {measured.per_second:8,.0f} /s   p50 {measured.p50:8.2f}   p99 {measured.p99:8.2f}"
        f"   most {measured.most:8.2f}   errors {measured.errors}"
    )


if __name__ == "__main__":
    main()
