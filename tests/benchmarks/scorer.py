"""What the scorer costs without HTTP, against a scikit-learn pipeline in the loan-approval lab's manner.

    python tests/benchmarks/scorer.py [--data credit_risk_dataset.csv] [--rows 1000000]

Both are fitted on the same four fifths of the cases and judged on the same fifth; both then score the same
records, one at a time and as a table of --rows rows (the fifth, repeated), validation included on our side. The
pipeline is called on 50,000-row DataFrame chunks and may use every processor. Without --data the cases are
generated. Medians of five; believe the ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from service.scoring.scorer import Scorer
from training.candidates import FOR_MANY
from training.data import Cases, cases_of_table, generate_cases, read_cases
from training.splits import plan_split
from training.train import Options, train
from training.tune import Budget
from training.use_cases import use_cases

CHUNK = 50_000
RUNS = 5
PROCESSORS = os.cpu_count() or 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    case = use_cases()["credit_risk"]
    cases = read_cases(case, options.data) if options.data else generate_cases(case, 20_000, seed=0)
    plan = plan_split(cases, seed=0)
    learnt, judged = _part(cases, plan.development), _part(cases, plan.untouched)
    frame = _frame(judged)
    pipeline = _pipeline(frame).fit(_frame(learnt), learnt.outcomes)
    scorers = {name: _scorer(learnt, name) for name in ("catboost_fine", "logistic_regression")}
    times = -(-options.rows // judged.rows)
    table = pa.concat_tables([_table(judged)] * times).slice(0, options.rows).combine_chunks()
    big = pd.concat([frame] * times, ignore_index=True).iloc[: options.rows]

    say(f"{cases.source}: {learnt.rows} cases to fit, {judged.rows} to judge, {PROCESSORS} processors")
    say("ROC AUC on the untouched fifth")
    say(f"  pipeline             {roc_auc_score(judged.outcomes, pipeline.predict_proba(frame)[:, 1]):.4f}")
    for name, scorer in scorers.items():
        say(f"  {name:20s} {roc_auc_score(judged.outcomes, scorer.score_matrix(judged.matrix)):.4f}")
    _compare_one(pipeline, scorers, frame, _table(judged).to_pylist()[:500])
    _compare_many(pipeline, scorers, big, table)


def _compare_one(
    pipeline: Any, scorers: dict[str, Scorer], frame: pd.DataFrame, records: list[dict[str, Any]]
) -> None:
    rows = [frame.iloc[[i]] for i in range(50)]
    base = _median(lambda: [pipeline.predict_proba(row) for row in rows]) / len(rows)
    say("one record, validation included on our side (µs)")
    say(f"  pipeline             {base * 1e6:10.1f}")
    for name, scorer in scorers.items():
        approved = [r for r in records if not scorer.score(r).reasons]
        refused = [r for r in records if scorer.score(r).reasons]
        for label, chosen in (("approved", approved), ("refused, with reasons", refused)):
            spent = _median(partial(_score_all, scorer, chosen)) / max(len(chosen), 1)
            say(f"  {name:20s} {spent * 1e6:10.1f}   {base / spent:8.1f} x   {label}")


def _compare_many(pipeline: Any, scorers: dict[str, Scorer], frame: pd.DataFrame, table: pa.Table) -> None:
    def chunks() -> None:
        for start in range(0, len(frame), CHUNK):
            pipeline.predict_proba(frame.iloc[start : start + CHUNK])

    base = len(frame) / _median(chunks, runs=3)
    say(f"a table of {len(frame):,} rows, validation included on our side (rows per second)")
    say(f"  pipeline             {base:12,.0f}")
    for name, scorer in scorers.items():
        for threads in sorted({1, PROCESSORS}):
            speed = len(frame) / _median(partial(scorer.score_table, table, threads=threads))
            say(f"  {name:20s} {speed:12,.0f}   {speed / base:6.1f} x   {threads} thread(s)")


def _score_all(scorer: Scorer, records: list[dict[str, Any]]) -> None:
    for record in records:
        scorer.score(record)


def _scorer(cases: Cases, name: str) -> Scorer:
    return train(
        cases, options=Options(Budget(0), [next(item for item in FOR_MANY if item.name == name)])
    ).scorer


def _pipeline(frame: pd.DataFrame) -> CalibratedClassifierCV:
    numbers = frame.select_dtypes("number").columns.tolist()
    levels = [name for name in frame.columns if name not in numbers]
    columns = ColumnTransformer(
        [("numbers", StandardScaler(), numbers), ("levels", OneHotEncoder(handle_unknown="ignore"), levels)]
    )
    model = make_pipeline(columns, HistGradientBoostingClassifier(random_state=0))
    return CalibratedClassifierCV(model, cv=5, method="sigmoid")


def _part(cases: Cases, rows: np.ndarray) -> Cases:
    return cases_of_table(cases.use_case, cases.table.take(pa.array(rows)), text=False, source=cases.source)


def _table(cases: Cases) -> pa.Table:
    return cases.table.drop_columns([cases.use_case.contract.outcome.name])


def _frame(cases: Cases) -> pd.DataFrame:
    names = [column.name for column in cases.use_case.contract.features]
    frame: pd.DataFrame = _table(cases).select(names).to_pandas()
    return frame


def _median(work: Callable[[], object], runs: int = RUNS) -> float:
    spent = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
