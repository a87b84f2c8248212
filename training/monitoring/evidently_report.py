"""Evidently's own page on the same decisions, for those who know it. It judges by its own tests and thresholds."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Contract
from service.scoring.profile import level_counts

# Of either window: its page holds what it draws.
MOST_ROWS = 20_000
SCORE = "P(bad)"


def write_page(
    contract: Contract,
    reference: tuple[FloatArray, FloatArray],
    analysis: tuple[FloatArray, FloatArray],
    file: Path,
) -> None:
    """Write the page; reference, analysis: encoded inputs (rows, inputs) and P(bad) (rows,).

    Of more than 20,000 rows so many are drawn at random, the same ones each time. Columns that are null throughout in
    one of the two are left out: Evidently compares none such.
    """
    old, new = _filled(*(frame(contract, *item) for item in (reference, analysis)))
    with warnings.catch_warnings():
        # It warns of its own use of pandas and of numpy.
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset

        levels = [name for name in old.columns if name in contract.by_name and contract.by_name[name].levels]
        numbers = [name for name in old.columns if name not in levels]
        definition = DataDefinition(numerical_columns=numbers, categorical_columns=levels)
        before, after = (Dataset.from_pandas(item, data_definition=definition) for item in (old, new))
        Report([DataDriftPreset()]).run(current_data=after, reference_data=before).save_html(str(file))


def frame(contract: Contract, matrix: FloatArray, scores: FloatArray) -> pd.DataFrame:
    """Return encoded inputs (rows, inputs) and P(bad) (rows,) as a table, levels by their names."""
    rows = np.arange(len(matrix))
    if len(rows) > MOST_ROWS:
        rows = np.random.default_rng(0).choice(len(matrix), MOST_ROWS, replace=False)
    columns = {}
    for position, (name, count) in enumerate(zip(contract.inputs, level_counts(contract), strict=True)):
        values = matrix[rows, position]
        columns[name] = _named(contract, name, values) if count else pd.Series(values)
    return pd.DataFrame({**columns, SCORE: scores[rows]})


def _filled(old: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [name for name in old.columns if old[name].notna().any() and new[name].notna().any()]
    return old[names], new[names]


def _named(contract: Contract, name: str, values: FloatArray) -> pd.Series[str]:
    """Return positions of levels (rows,) as the levels' texts, null where they are."""
    levels = [str(level) for level in contract.by_name[name].levels]
    return pd.Series([None if np.isnan(value) else levels[int(value)] for value in values], dtype="str")
