"""Tables of past cases: read, held against the contract, turned to bad = 1, fingerprinted and kept."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from service.errors import UnreadableInput
from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Contract, Role
from service.scoring.encoder import Encoder
from service.scoring.findings import allowed_values, quote
from service.scoring.profile import level_counts
from service.scoring.validation import CheckedTable, TableInvalid, Validator
from training.use_case import UseCase

Outcomes = npt.NDArray[np.int8]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Cases:
    """Past cases of one use case that the contract accepts.

    table: the declared columns and the outcome, typed. matrix: float64 (rows, inputs). outcomes: int8 (rows,),
    1 = bad. values: the checked floats of every declared column. refused: by column and reason, how
    many values the contract refused; their rows are left out.
    """

    use_case: UseCase
    table: pa.Table
    matrix: FloatArray
    outcomes: Outcomes
    values: dict[str, FloatArray]
    refused: dict[str, int]
    fingerprint: str
    source: str
    raw_rows: int
    raw_columns: tuple[str, ...]
    generated: bool = False

    @property
    def rows(self) -> int:
        """Number of accepted cases."""
        return len(self.outcomes)

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of levels of each input, 0 for a number."""
        return level_counts(self.use_case.contract)

    @property
    def times(self) -> FloatArray | None:
        """Seconds since 1970 of each case (rows,), None where no case has a time.

        Raises `UnreadableInput` when only some have one: without it they would be learnt from out of order.
        """
        for column in self.use_case.contract.of_role(Role.TIME):
            times = self.values[column.name]
            missing = int(np.isnan(times).sum())
            if 0 < missing < self.rows:
                raise UnreadableInput(f"{self.source}: {missing} of {self.rows} cases have no {column.name}")
            if not missing:
                return times
        return None

    @property
    def groups(self) -> Indices:
        """A number per case (rows,), equal for exact duplicates in everything but ids and times."""
        roles = (Role.FEATURE, Role.PROTECTED)
        columns = [self.values[c.name] for c in self.use_case.contract.columns if c.role in roles]
        rows = np.ascontiguousarray(np.stack(columns, axis=1))
        # Bytes, so that nulls equal each other.
        keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
        return np.unique(keys, return_inverse=True)[1].astype(np.intp)


def read_cases(use_case: UseCase, file: Path) -> Cases:
    """Read a CSV (also .gz) or Parquet file of past cases; raises `UnreadableInput` with what is wrong."""
    if not file.is_file():
        raise UnreadableInput(f"{file} is not a file")
    try:
        if file.name.endswith(".parquet"):
            table, text = pa.parquet.read_table(file), False
        else:
            table, text = _read_csv(file), True
    except (OSError, pa.ArrowException, EOFError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{file} cannot be read: {str(error).splitlines()[0]}") from None
    return cases_of_table(use_case, table, text=text, source=file.name)


def generate_cases(use_case: UseCase, rows: int, seed: int) -> Cases:
    """Return cases from the use case's own generator."""
    table = pa.Table.from_pandas(use_case.sample(rows, seed), preserve_index=False)
    cases = cases_of_table(use_case, table, text=False, source=f"generated with seed {seed}")
    return replace(cases, generated=True)


def cases_of_table(use_case: UseCase, table: pa.Table, *, text: bool, source: str) -> Cases:
    """Hold a table against the contract and turn its outcome to bad = 1.

    Raises `UnreadableInput` for wrong columns, an unknown outcome, or when only one outcome occurs.
    """
    contract = use_case.contract
    try:
        checked = Validator(contract).check_table(table, text=text)
    except (TableInvalid, pa.ArrowException) as error:
        raise UnreadableInput(f"{source}: {error}") from None
    outcomes = _read_outcomes(contract, table)
    kept = np.flatnonzero(checked.valid)
    if len(np.unique(outcomes[kept])) < 2:
        raise UnreadableInput(
            f"{source}: training needs good and bad cases; all {len(kept)} have one outcome"
        )
    values = {name: column[kept] for name, column in checked.values.items()}
    return Cases(
        use_case=use_case,
        table=_typed(contract, table.take(pa.array(kept)), values),
        matrix=Encoder(contract).encode_table(values),
        outcomes=outcomes[kept],
        values=values,
        refused=_refusals(checked),
        fingerprint=_fingerprint(values, outcomes[kept]),
        source=source,
        raw_rows=table.num_rows,
        raw_columns=tuple(table.column_names),
    )


def keep_snapshot(cases: Cases, folder: Path) -> Path:
    """Keep the accepted cases as `folder/<fingerprint>.parquet`, readable by the owner alone; once per content."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = folder / f"{cases.fingerprint}.parquet"
    if not target.exists():
        scratch = folder / f".{cases.fingerprint}.{os.getpid()}"
        pa.parquet.write_table(cases.table, scratch, compression="zstd")
        scratch.chmod(0o600)
        scratch.replace(target)
    return target


def _refusals(checked: CheckedTable) -> dict[str, int]:
    """Count refused rows by column and reason; the values themselves are somebody's data and are left out."""
    counts: dict[str, int] = {}
    for block in checked.refused:
        reason = f"{block.column.name}: {block.code}; it must be {allowed_values(block.column)}"
        counts[reason] = counts.get(reason, 0) + len(block.rows)
    return counts


def _typed(contract: Contract, table: pa.Table, values: dict[str, FloatArray]) -> pa.Table:
    """Return the declared columns and the outcome, typed as the contract says whatever the file's form was."""
    columns = {
        column.name: _typed_column(column, table.column(column.name), values[column.name])
        for column in contract.columns
        if column.name in table.column_names
    }
    return pa.table({**columns, contract.outcome.name: table.column(contract.outcome.name)})


def _typed_column(column: Column, cells: pa.ChunkedArray, values: FloatArray) -> pa.Array | pa.ChunkedArray:
    if column.type in (ColumnType.TIME, ColumnType.ID):
        return cells
    numbers = pa.array(values, mask=np.isnan(values))
    if column.levels:
        return pa.DictionaryArray.from_arrays(
            numbers.cast(pa.int32()), pa.array(column.levels)
        ).dictionary_decode()
    kinds = {ColumnType.INTEGER: pa.int64(), ColumnType.BOOLEAN: pa.bool_()}
    return numbers.cast(kinds.get(column.type, pa.float64()))


def _read_csv(file: Path) -> pa.Table:
    with pa.input_stream(str(file), compression="detect") as stream:
        names = pa.csv.open_csv(stream).schema.names
    convert = pa.csv.ConvertOptions(
        column_types={name: pa.string() for name in names}, strings_can_be_null=True, null_values=[""]
    )
    with pa.input_stream(str(file), compression="detect") as stream:
        return pa.csv.read_csv(stream, convert_options=convert)


def _read_outcomes(contract: Contract, table: pa.Table) -> Outcomes:
    outcome = contract.outcome
    if outcome.name not in table.column_names:
        raise UnreadableInput(f"the outcome column {outcome.name} is missing; past cases need it")
    coded = {_code(level): 1 for level in outcome.bad} | {_code(level): 0 for level in outcome.good}
    cells = table.column(outcome.name).combine_chunks().dictionary_encode(null_encoding="encode")
    distinct = [_code(value) for value in cells.dictionary.to_pylist()]
    if unknown := [value for value in distinct if value not in coded]:
        allowed = ", ".join(str(level) for level in (*outcome.bad, *outcome.good))
        raise UnreadableInput(f"{outcome.name}={quote(unknown[0])} is not one of: {allowed}")
    coded_distinct = np.array([coded[value] for value in distinct], dtype=np.int8)
    index: Indices = cells.indices.to_numpy(zero_copy_only=False)
    return coded_distinct[index]


def _code(value: Any) -> str | None:
    """Return one text for 1, 1.0, True and '1'."""
    if value is None:
        return None
    text = str(int(value)) if isinstance(value, (bool, float)) and float(value).is_integer() else str(value)
    return text.strip()


def _fingerprint(values: dict[str, FloatArray], outcomes: Outcomes) -> str:
    """SHA-256 of the checked values, so that CSV and Parquet of the same cases have the same fingerprint."""
    digest = hashlib.sha256()
    for name, column in values.items():
        digest.update(name.encode() + b"\0")
        digest.update(np.where(np.isnan(column), np.nan, column).tobytes())
    digest.update(outcomes.tobytes())
    return digest.hexdigest()
