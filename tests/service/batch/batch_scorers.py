"""Scorers made without training, and tables of records for them."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from service.batch import Manifest, Options, Step, score_files
from service.scoring.bundle import bundle_files, scorer_from_files, version_of
from service.scoring.calibration import Calibrator
from service.scoring.contract import Column, ColumnType, Contract, Derived, Operation, Outcome, Role
from service.scoring.encoder import Encoder
from service.scoring.policy import Policy
from service.scoring.predictors import Predictor
from service.scoring.predictors.arrays import on_grid
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm
from service.scoring.predictors.symmetric_trees import SymmetricTrees
from service.scoring.profile import level_counts, make_profile
from service.scoring.reasons import ReasonText
from service.scoring.scorer import Scorer
from service.scoring.validation import Validator

CONTRACT = Contract(
    use_case="small_loans",
    title="Small loans",
    columns=(
        Column(name="case", type=ColumnType.ID, role=Role.ID),
        Column(name="contract", type=ColumnType.ID, role=Role.ID),
        Column(name="asked at", type=ColumnType.TIME, role=Role.TIME),
        Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male"), role=Role.PROTECTED),
        Column(name="age", type=ColumnType.INTEGER, minimum=18, maximum=120, unit="years"),
        Column(name="income", type=ColumnType.NUMBER, minimum=0),
        Column(name="amount", type=ColumnType.NUMBER, minimum=0, nullable=True, missing_markers=("?",)),
        Column(name="purpose", type=ColumnType.CATEGORY, levels=("car", "radio/TV", "a, b")),
        Column(
            name="Saving accounts", type=ColumnType.CATEGORY, levels=("NA", "little", "rich"), null_level="NA"
        ),
        Column(name="pay.0", type=ColumnType.CATEGORY, levels=(-2, -1, 0, 1)),
        Column(name="homeowner", type=ColumnType.BOOLEAN, nullable=True, required=False),
    ),
    derived=(
        Derived(name="burden", operation=Operation.RATIO, of=("amount", "income")),
        Derived(name="log income", operation=Operation.LOG, of=("income",)),
        Derived(name="hour", operation=Operation.HOUR, of=("asked at",)),
    ),
    ignored=("", "Unnamed: 0"),
    outcome=Outcome(name="late", bad=(1,), good=(0,)),
)
HEADER = ",".join(column.name for column in CONTRACT.columns)
POLICY = Policy("test", refer_from=0.3, decline_from=0.6)
GOOD = "c1,5,2026-11-20 08:30,male,40,20.5,10,car,little,1,true"


def linear_predictor(contract: Contract = CONTRACT) -> LinearPredictor:
    """A logistic regression with weights of some size on every input."""
    rng = np.random.default_rng(7)
    terms = [
        LevelTerm(tuple(rng.normal(size=count).tolist()), 0.25)
        if count
        else NumberTerm(float(rng.normal()) / 20, 10.0, 0.0, 60.0, 0.1)
        for count in level_counts(contract)
    ]
    return LinearPredictor(-0.5, terms)


def symmetric_trees(trees: int, depth: int, contract: Contract = CONTRACT) -> SymmetricTrees:
    """Random symmetric trees with up to 60 borders per input."""
    rng = np.random.default_rng(11)
    levels = level_counts(contract)
    inputs = rng.integers(0, len(levels), (trees, depth)).astype(np.int32)
    borders = np.round(rng.uniform(0, 120, (len(levels), 60)), 1)
    values = borders[inputs, rng.integers(0, 60, (trees, depth))]
    for position, count in enumerate(levels):
        if count:
            values[inputs == position] = rng.integers(0, count, int((inputs == position).sum()))
    leaves = on_grid(rng.normal(scale=2 / np.sqrt(trees), size=(trees, 2**depth)))
    return SymmetricTrees(-0.5, inputs, values, leaves, levels)


def make_scorer(predictor: Predictor, contract: Contract = CONTRACT) -> Scorer:
    """A scorer that went through its files, as one from the store does."""
    files = make_bundle(predictor, contract)
    return scorer_from_files(files, use_case=contract.use_case, version=version_of(files))


def make_bundle(predictor: Predictor, contract: Contract = CONTRACT) -> dict[str, bytes]:
    """The files of a bundle whose reference profile comes from random records."""
    checked = Validator(contract).check_table(random_table(500, seed=3))
    matrix = Encoder(contract).encode_table(checked.values)
    probabilities = Calibrator().probability(predictor.score_many(matrix))
    texts = {
        name: ReasonText(f"R{i:02d}", f"{name} raises the risk") for i, name in enumerate(contract.inputs)
    }
    profile = make_profile(contract, matrix, probabilities, POLICY.refer_from)
    return bundle_files(contract, predictor, Calibrator(), POLICY, texts, profile, evidence={})


def random_table(rows: int, seed: int = 0) -> pa.Table:
    """Records that the contract accepts, in the types of a Parquet file."""
    rng = np.random.default_rng(seed)

    def pick(values: list[Any]) -> list[Any]:
        return [values[i] for i in rng.integers(0, len(values), rows).tolist()]

    seconds = rng.integers(0, 2_000_000_000, rows)
    return pa.table(
        {
            "case": [f"c{i}" for i in range(rows)],
            "contract": pa.array(np.arange(rows) + 7_000_000_000),
            "asked at": pa.array(np.datetime_as_string(seconds.astype("datetime64[s]"))),
            "sex": pick(["female", "male", None]),
            "age": rng.integers(18, 100, rows),
            "income": rng.lognormal(3, 1, rows),
            "amount": pa.array(rng.uniform(0, 100, rows), mask=rng.random(rows) < 0.1),
            "purpose": pick(["car", "radio/TV", "a, b"]),
            "Saving accounts": pick(["NA", "little", "rich", None]),
            "pay.0": pick([-2, -1, 0, 1]),
            "homeowner": pick([True, False, None]),
        }
    )


def write_records(path: Path, table: pa.Table) -> Path:
    """Write records as the file's name says: Parquet, or CSV as Python writes it, gzipped or not."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
        return path
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        writer.writerows([_cell(value) for value in row.values()] for row in table.to_pylist())
    return path


def write_lines(path: Path, *lines: str, header: str = HEADER) -> Path:
    """Write a CSV file from its lines."""
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file with Python's own reader, which knows nothing of pyarrow."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_quarantine(path: Path) -> list[dict[str, Any]]:
    """Read a quarantine file: row number, list of findings, record."""
    return [{name: json.loads(cell) for name, cell in row.items()} for row in read_rows(path)]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else value


def score(
    scorer: Scorer,
    source: Path | str,
    target: Path | str,
    progress: Callable[[Step], None] = lambda _: None,
    **options: Any,
) -> Manifest:
    """Score files with these `Options`, and return the manifest."""
    return score_files(scorer, source, target, Options(**options), progress=progress).manifest
