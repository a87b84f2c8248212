"""Files of many records to score: the cases again and again, with small changes, so that hardly two rows are equal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from training.data import Cases

# A group of rows of the Parquet file, as pyarrow makes them unless told otherwise.
CHUNK = 2**20
# The public file has seven records in 32,581 that the contract refuses, five of them by this age.
REFUSED_SHARE, REFUSED_AGE = 7 / 32_581, 144


def records_file(cases: Cases, rows: int, ending: str, folder: Path) -> Path:
    """Return a file of so many records of credit_risk; it is made unless it is there. The same rows in every format."""
    path = folder / f"records-{rows}{ending}"
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        _WRITERS[ending](_chunks(cases, rows), unfinished)
        unfinished.rename(path)
    return path


def _chunks(cases: Cases, rows: int) -> Iterator[pa.Table]:
    table = cases.table.drop_columns([cases.use_case.contract.outcome.name])
    for start in range(0, rows, CHUNK):
        rng = np.random.default_rng([1, start])
        drawn = table.take(pa.array(rng.integers(0, table.num_rows, CHUNK)))
        yield _changed(drawn, rng).slice(0, rows - start)


def _changed(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    rows = table.num_rows
    income = np.rint(_numbers(table, "person_income") * rng.uniform(0.97, 1.03, rows))
    amount = np.rint(_numbers(table, "loan_amnt") * rng.uniform(0.97, 1.03, rows) / 25) * 25
    rate = np.round(_numbers(table, "loan_int_rate") + rng.normal(0, 0.1, rows), 2)
    age = np.where(rng.random(rows) < REFUSED_SHARE, REFUSED_AGE, _numbers(table, "person_age"))
    changed = {
        "person_age": age.astype(np.int64),
        "person_income": income.astype(np.int64),
        "loan_amnt": amount.astype(np.int64),
        "loan_int_rate": rate,
        "loan_percent_income": np.round(amount / income, 2),
    }
    for name, values in changed.items():
        place = table.column_names.index(name)
        # A rate that is not known is NaN here, and null in the file.
        table = table.set_column(place, name, pa.array(values, from_pandas=True))
    return table.combine_chunks()


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    found: np.ndarray = table.column(name).cast(pa.float64()).to_numpy()
    return found


def _write_parquet(chunks: Iterator[pa.Table], path: Path) -> None:
    first = next(chunks)
    with pq.ParquetWriter(path, first.schema) as writer:
        writer.write_table(first)
        for chunk in chunks:
            writer.write_table(chunk)


def _write_csv(chunks: Iterator[pa.Table], path: Path) -> None:
    first = next(chunks)
    options = pc.WriteOptions(quoting_style="none", quoting_header="none")
    with pc.CSVWriter(path, first.schema, write_options=options) as writer:
        writer.write_table(first)
        for chunk in chunks:
            writer.write_table(chunk)


_WRITERS = {".parquet": _write_parquet, ".csv": _write_csv}
