"""The file door against its peers, on one machine in one run, on the same files.

    python tests/benchmarks/batch.py [--data credit_risk_dataset.csv] [--rows 100000 1000000 10000000] [--all]
        [--rounds 3] [--only aval pandas] [--work FOLDER] [--json] [--plot FILE.svg]

Scored are credit_risk records: the cases again and again, with small changes. This service runs as its users run it,
`python -m service.batch`, with validation, quarantine, manifest and hashes; with its decisions in the decision log and
without. Against it: a calibrated scikit-learn pipeline called chunk by chunk, the same on all processors, the same
through MLflow's pyfunc, the loop with one model in place of the usual five, and the limit: pyarrow reads the file and
writes it again. Every model is fitted on the same four fifths of the cases. Every run is a process of its own, and its
start counts.

Peers stop at a million rows unless --all is given. Up to there, figures are medians over the rounds, beyond it those of
one run. Everything is made in --work (by default a folder of the system's for temporary files); what is there is used
again. Run it on an idle machine, and believe the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq

from tests.benchmarks.batch_files import records_file
from tests.benchmarks.batch_table import HEAD, Row, line, markdown, ratios
from tests.benchmarks.command import hand_over, parser_of, say
from tests.benchmarks.material import (
    Material,
    fit_pipeline,
    make_material,
    read_or_make_cases,
    roc_auc_of,
)

HERE = Path(__file__).resolve().parent
SIZES = (100_000, 1_000_000, 10_000_000)
MOST_OF_PEERS = 1_000_000
PARQUET, CSV = ".parquet", ".csv"
LOG = "batch-log"
LIMIT = "copy"
# As in the labs, and as scikit-learn does it unless told otherwise: five models, whose probabilities are averaged.
USUAL = {"ensemble": True}
# One model is faster; without early stopping it needs no others to be the bundle's equal.
ONE_MODEL = {"max_iter": 300, "max_leaf_nodes": 15, "early_stopping": False}


@dataclass(frozen=True)
class Way:
    """A way to score a file: `command` is followed by input and output. most: rows that it is given, None for all."""

    name: str
    ending: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    most: int | None = None


@dataclass(frozen=True)
class Run:
    """What one run cost, from the start of its process to its end."""

    seconds: float
    processor_seconds: float
    peak_bytes: int


def main() -> None:
    options = _options()
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    material = make_material(work, options.data, USUAL)
    one_model = fit_pipeline(work, "one-model.joblib", ONE_MODEL)
    told = f"{material.told}; {roc_auc_of(one_model, options.data):.4f} the pipeline of one model"
    ways = [way for way in _ways(material, one_model, options) if way.name in (options.only or [way.name])]
    say(options, told, f"{os.cpu_count()} processors", "", HEAD)
    rows = []
    for row in _measured(ways, options, work):
        rows.append(row)
        say(options, line(row))
    say(options, *ratios(rows), "", *markdown(rows))
    report = {"material": told, "processors": os.cpu_count(), "rows": [asdict(row) for row in rows]}
    hand_over(options, report, "tests.benchmarks.batch_drawing")


def _options() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--all", action="store_true", help="peers score the largest files too")
    parser.add_argument("--only", nargs="+", default=[])
    return parser.parse_args()


def _ways(material: Material, one_model: Path, options: argparse.Namespace) -> list[Way]:
    most = None if options.all else MOST_OF_PEERS
    ours = (sys.executable, "-m", "service.batch", material.use_case)
    peers = (sys.executable, HERE / "batch_peers.py")
    log = material.work / LOG
    logs = {"aval": "off", "aval_logged": f"sqlite:///{log / 'decisions.db'}"}
    made = [
        Way(
            name,
            ending,
            ours,
            material.home.environment(AVAL_DECISION_LOG=address, AVAL_SEGMENTS=str(log / "segments")),
        )
        for ending in (PARQUET, CSV)
        for name, address in logs.items()
    ]
    models = {"pandas": material.model, "joblib": material.model, "mlflow": material.mlflow_model}
    made += [Way(name, PARQUET, (*peers, name, model), most=most) for name, model in models.items()]
    made.append(Way("pandas_one", PARQUET, (*peers, "pandas", one_model), most=most))
    made.append(Way("pandas", CSV, (*peers, "pandas", material.model), most=most))
    return [*made, *(Way(LIMIT, ending, (*peers, LIMIT, material.model)) for ending in (PARQUET, CSV))]


def _measured(ways: Sequence[Way], options: argparse.Namespace, work: Path) -> Iterator[Row]:
    cases = read_or_make_cases(options.data)
    for rows in sorted(options.rows):
        asked = [way for way in ways if way.most is None or rows <= way.most]
        files = {ending: records_file(cases, rows, ending, work) for ending in {way.ending for way in asked}}
        runs: dict[tuple[str, str], list[Run]] = {}
        # Round by round: what the machine does meanwhile meets every way alike.
        for _ in range(options.rounds if rows <= MOST_OF_PEERS else 1):
            for way in asked:
                runs.setdefault((way.name, way.ending), []).append(_run(way, files[way.ending], rows, work))
        for (name, ending), found in runs.items():
            yield _row(name, ending, rows, found)


def _run(way: Way, source: Path, rows: int, work: Path) -> Run:
    folder = work / "batch-output"
    # A log that holds the decisions already would not be written again.
    for made in (folder, work / LOG):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
    target, log = folder / f"scored{way.ending}", work / f"output-{way.name}.txt"
    command = [sys.executable, HERE / "watch.py", log, *way.command, source, target]
    # What was written before is on the disk, or the next one pays for it.
    os.sync()
    answer = subprocess.run(
        list(map(str, command)), check=True, capture_output=True, text=True, env=dict(way.environment)
    )
    found = json.loads(answer.stdout)
    if found.pop("exit_code") != 0:
        raise SystemExit(f"{way.name} failed on {source}:\n{log.read_text(errors='replace')[-2_000:]}")
    _expect_every_row(way, folder, target, rows)
    return Run(**found)


def _expect_every_row(way: Way, folder: Path, target: Path, rows: int) -> None:
    manifest = folder / f"{target.name}.manifest.json"
    refused = json.loads(manifest.read_text())["rows_quarantined"] if manifest.exists() else 0
    written = _rows_of(target)
    if written + refused != rows:
        raise SystemExit(f"{way.name}: {rows:,} rows in, {written:,} scored and {refused:,} refused")


def _rows_of(file: Path) -> int:
    if file.suffix == PARQUET:
        return int(pq.read_metadata(file).num_rows)
    with pc.open_csv(file, convert_options=pc.ConvertOptions(include_columns=[])) as reader:
        return sum(batch.num_rows for batch in reader)


def _row(name: str, ending: str, rows: int, found: Sequence[Run]) -> Row:
    seconds = statistics.median(run.seconds for run in found)
    processor = statistics.median(run.processor_seconds for run in found)
    peak = max(run.peak_bytes for run in found)
    return Row(name, ending, rows, seconds, rows / seconds, processor / rows * 1e6, peak / 1e6, len(found))


if __name__ == "__main__":
    main()
