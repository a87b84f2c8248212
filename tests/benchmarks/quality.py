"""What default training reaches on the real data, beside what it has to reach; and how long it takes.

    python tests/benchmarks/quality.py [--data FOLDER] [USE_CASE ...]

Trains each use case by its command in a home of its own (three to five minutes each on two cores) and prints its
figures. Fraud is judged as trained before 10 July 2018 and tested from that day on; loan approval is generated and
held against the best that its generator allows with the columns in use.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from tests.processes import Home
from training.data import read_cases
from training.evaluate import Judged, judge
from training.out_of_fold import score_out_of_fold
from training.ranking import Order
from training.recipe import candidate_of
from training.selection import least_cost
from training.splits import make_folds
from training.use_cases import find_use_case

FILES = {
    "credit_risk": "credit_risk_dataset.csv",
    "card_default": "lending_data.csv",
    "german_credit": "german_credit_data.csv",
    "fraud_transactions": "fraud_transactions.csv.gz",
}
BARS = {
    "credit_risk": {"roc_auc": 0.947, "brier": 0.0520},
    "card_default": {"roc_auc": 0.785, "brier": 0.1337, "cost_per_case": 398.0},
    "german_credit": {"roc_auc": 0.75, "brier": 0.175},
    "fraud_transactions": {"roc_auc": 0.89, "pr_auc": 0.55, "brier": 0.0055},
}
GENERATED_ROWS = 100_000
FRAUD_TESTED_FROM = datetime(2018, 7, 10, tzinfo=UTC).timestamp()


def main() -> None:
    """Train and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "data")
    parser.add_argument("use_cases", nargs="*", default=[*FILES, "loan_approval"])
    arguments = parser.parse_args()
    for name in arguments.use_cases:
        _report(name, arguments.data)


def _report(name: str, folder: Path) -> None:
    file = folder / FILES[name] if name in FILES else None
    with tempfile.TemporaryDirectory() as home:
        source = ("--data", file) if file else ("--rows", str(GENERATED_ROWS))
        began = time.monotonic()
        done = Home(Path(home)).aval("train", name, *source, "--json")
        seconds = time.monotonic() - began
    if done.returncode:
        _say(f"{name}: {done.stderr}")
        return
    report = json.loads(done.stdout)
    judgement = report["shipped"]
    if name == "fraud_transactions" and file:
        judgement = _from_the_tenth_of_july(report, file)
    _say(f"{name}: {report['chosen']['name']}, {seconds:.0f} s")
    for figure, bar in BARS.get(name, {}).items():
        _say(f"  {figure:14s} {judgement['metrics'][figure]:9.4f}   bar {bar}")
    ece = judgement["calibration"]["ece"]
    _say(
        f"  ece            {ece['value']:9.4f}   99th percentile of chance {ece['chance']['percentile_99']:.4f}"
    )
    blocking = [g["code"] for g in report["gates"] if g["status"] == "fail" and g["severity"] == "blocks"]
    _say(f"  gates that block: {', '.join(blocking) or 'none'}")
    if name == "loan_approval":
        best = _best_achievable()
        _say(f"  roc_auc        {judgement['metrics']['roc_auc']:9.4f}   best achievable {best:.4f}")


def _from_the_tenth_of_july(report: dict[str, Any], file: Path) -> dict[str, Any]:
    """Judge the recipe as trained before 10 July and tested from that day on."""
    cases = read_cases(find_use_case("fraud_transactions"), file)
    assert cases.times is not None
    before = np.flatnonzero(cases.times < FRAUD_TESTED_FROM)
    after = np.flatnonzero(cases.times >= FRAUD_TESTED_FROM)
    candidate = candidate_of(report["chosen"], cases.use_case.contract.inputs)
    out = score_out_of_fold(candidate, cases, make_folds(cases, before, 0), 0)
    predictor = candidate.predictor(cases.matrix[before], cases.outcomes[before], cases.levels, 0)
    probabilities: FloatArray = out.calibrated.calibrator.probability(
        predictor.score_many(cases.matrix[after])
    )
    judged = Judged(
        "from 10 July on", cases.outcomes[after], probabilities[None], least_cost(out), cases.use_case.costs
    )
    return judge(judged, 0)


def _best_achievable() -> float:
    """Return the AUC of P(bad) given the columns in use: the generator's own, averaged over the age nobody sees."""
    from scipy.stats import norm

    frame = find_use_case("loan_approval").sample(GENERATED_ROWS, seed=102)
    seen = 0.4 * frame["income"] / 50_000 + 0.1 * frame["employment_length"] / 10
    seen += 0.2 * frame["credit_score"] / 700 - 0.1 * frame["loan_amount"] / 10_000
    employed, ages = frame["employment_length"].to_numpy()[:, None], np.arange(18, 70)[None, :]
    # Drawn from 0 to 19 years, and cut to what the age allows.
    weight = np.where(employed < ages - 16, 1.0, np.where(employed == ages - 16, 20.0 - employed, 0.0))
    missing = 0.5 - seen.to_numpy()[:, None] - 0.2 * ages / 50
    scores = (weight * norm.cdf(missing / 0.1)).sum(axis=1) / weight.sum(axis=1)
    bad = (frame["target"] == 0).to_numpy().astype(np.int8)
    return Order(scores).ranking(bad, np.ones(len(scores))).roc_auc


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
