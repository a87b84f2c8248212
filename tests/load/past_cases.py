"""Cases to ask for: of a file of real ones, or of the use case's own generator."""

from __future__ import annotations

import json
from pathlib import Path

from tests.load.mix import Case
from training.data import generate_cases, read_cases
from training.use_cases import use_cases

ROWS = 2_000
# Rare outcomes are wanted among the cases, and the same cases in every run.
SEED = 3


def past_cases(use_case: str, data: Path | None = None) -> list[Case]:
    """Return some cases of a use case with what really happened; raises `UnreadableInput` for such a file."""
    declared = use_cases()[use_case]
    outcome = declared.contract.outcome
    found = read_cases(declared, data) if data else generate_cases(declared, ROWS, SEED)
    records = found.table.drop_columns([outcome.name]).slice(0, ROWS).to_pandas()
    told = (outcome.good[0], outcome.bad[0])
    text = records.to_json(orient="records", double_precision=15, date_format="iso")
    return [Case(record, told[bad]) for record, bad in zip(json.loads(text), found.outcomes, strict=False)]
