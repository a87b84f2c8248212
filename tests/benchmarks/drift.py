"""What a look at a million logged decisions costs: time, and memory.

    python tests/benchmarks/drift.py [--rows 1000000] [--outcomes 200000] [--work FOLDER] [--json]

Decisions on generated records of credit_risk by a small model, evenly over the 97 days before now, are written into a
decision log in SQLite by the log's own writer, in large groups, with outcomes of the oldest of them. Then `aval drift`
runs as its users run it, as a process of its own whose start counts; MLflow is left out. The log is made in --work (by
default a folder of the system's for temporary files), and used again for the rest of the day.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from service.decision_log import Entry, Kind, Record, Resolution
from service.decision_log.scribe import writing
from service.decision_log.statements import iso
from service.scoring.policy import DECISIONS
from service.scoring.scorer import Scorer
from tests.processes import Home
from tests.quickly import only
from training.candidates import FOR_MANY
from training.data import generate_cases
from training.train import train
from training.use_cases import use_cases

HERE = Path(__file__).resolve().parent
USE_CASE = "credit_risk"
# Different records: more would only take longer to make.
DIFFERENT = 50_000
AT_ONCE = 10_000
DAY = 86_400_000_000
DAYS = 97


@dataclass(frozen=True)
class Looked:
    """What a look at so many decisions took, from the start of its process to its end."""

    decisions: int
    outcomes: int
    exit_code: int
    seconds: float
    processor_seconds: float
    peak_bytes: int


def main() -> None:
    options = _options()
    looked = look(home_with_log(options.work, options.rows, options.outcomes), options.rows, options.outcomes)
    if options.json:
        sys.stdout.write(json.dumps(asdict(looked), indent=1) + "\n")
    else:
        sys.stdout.write(told(looked) + "\n")


def home_with_log(folder: Path, rows: int, outcomes: int) -> Home:
    """Return a home whose log holds so many decisions and outcomes; it is made once a day."""
    work = folder / f"{rows}-{time.strftime('%Y-%m-%d')}"
    work.mkdir(parents=True, exist_ok=True)
    home, done = Home(work), work / "made.txt"
    if not done.exists():
        make_log(home, rows, outcomes)
        done.write_text("")
    return home


def told(looked: Looked) -> str:
    """Return the figures in a line."""
    return (
        f"{looked.decisions:,} decisions, {looked.outcomes:,} outcomes: {looked.seconds:.1f} s, "
        f"{looked.processor_seconds:.1f} s of processors, {looked.peak_bytes / 2**20:,.0f} MiB at most, "
        f"exit code {looked.exit_code}"
    )


def make_log(home: Home, rows: int, outcomes: int) -> None:
    """Fill the decision log of a home whose store gets a champion."""
    scorer = _champion(home)
    address = f"sqlite:///{home.folder / 'aval' / 'decisions.db'}"
    with writing(address, "benchmark", time.time_ns() // 1000) as scribe:
        for entries in _groups(scorer, rows, outcomes):
            scribe.write(lambda _, some=entries: Resolution(some))  # type: ignore[misc]  # bound at once


def look(home: Home, rows: int, outcomes: int) -> Looked:
    """Run the command and return what it took."""
    output = home.folder / "drift.json"
    aval = Path(sys.executable).parent / "aval"
    watch: list[str | Path] = [sys.executable, HERE / "watch.py", output]
    command = [*watch, aval, "drift", USE_CASE, "--no-track", "--json"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=home.environment())
    found = json.loads(answer.stdout)
    return Looked(rows, outcomes, **found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--outcomes", type=int, default=200_000)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "aval-drift-benchmark")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _champion(home: Home) -> Scorer:
    # BentoML reads it once, when it is first imported.
    os.environ["BENTOML_HOME"] = str(home.bentoml_home)
    from service.model_store import Champion, save_bundle, set_champion

    candidate = next(item for item in FOR_MANY if item.name == "catboost_smooth")
    trained = train(generate_cases(use_cases()[USE_CASE], 6_000, seed=7), options=only(candidate))
    tag = save_bundle(trained.files, USE_CASE, {"use_case": USE_CASE})
    set_champion(USE_CASE, Champion(tag, "1", "2026-11-21T00:00:00+00:00", "benchmark"), home.bentoml_home)
    return trained.scorer


def _groups(scorer: Scorer, rows: int, outcomes: int) -> Iterator[list[Entry]]:
    """Yield entries in groups: decisions, and behind each group the outcomes of those that have one."""
    now = time.time_ns() // 1000
    moments = np.linspace(now - DAYS * DAY, now, rows, endpoint=False).astype(np.int64)
    sample = use_cases()[USE_CASE].sample(DIFFERENT, seed=1).drop(columns=scorer.contract.outcome.name)
    table = pa.Table.from_pandas(sample, preserve_index=False)
    scored, records = scorer.score_table(table), table.to_pylist()
    random = np.random.default_rng(0)
    for start in range(0, rows, AT_ONCE):
        chosen = random.integers(0, DIFFERENT, min(AT_ONCE, rows - start))
        at = moments[start : start + len(chosen)].tolist()
        probabilities, decisions = scored.probabilities[chosen], scored.decisions[chosen]
        made = [
            _decision(scorer, f"{start + number:032x}", records[row], *values)
            for number, (row, *values) in enumerate(
                zip(chosen.tolist(), at, probabilities.tolist(), decisions.tolist(), strict=True)
            )
        ]
        told = made[: max(0, outcomes - start)]
        bad = random.random(len(told)) < probabilities[: len(told)]
        yield made + [_outcome(scorer, *pair) for pair in zip(told, bad.tolist(), strict=True)]


def _decision(scorer: Scorer, about: str, record: dict[str, object], at: int, p: float, code: int) -> Entry:
    features = scorer.contract.feature_names
    inputs = {name: value for name, value in record.items() if name in features}
    personal = {name: value for name, value in record.items() if name not in features}
    return Entry(
        Kind.DECISION,
        at,
        USE_CASE,
        about,
        p,
        str(DECISIONS[code]),
        scorer.tag,
        scorer.policy.version,
        scorer.contract.version,
        "request",
        "core",
        {"reasons": []},
        Record(inputs, personal or None),
    )


def _outcome(scorer: Scorer, decision: Entry, bad: bool) -> Entry:
    outcome = scorer.contract.outcome
    value = (outcome.bad if bad else outcome.good)[0]
    told = {
        "outcome": value,
        "bad": bad,
        "observed_at": iso(decision.at + DAY),
        "source": "",
        "correction": 0,
    }
    return Entry(Kind.OUTCOME, decision.at + DAY, USE_CASE, decision.about, details=told)


if __name__ == "__main__":
    main()
