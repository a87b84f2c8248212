"""The records that a simulation draws from, with what is known of their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Role
from service.scoring.scorer import Scorer
from training.data import Outcomes, read_cases
from training.use_case import UseCase

DAY_SECONDS = 86_400
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Population:
    """Records in the order in which they come.

    table: as they are sent. matrix (rows, inputs): as the contract encodes them, NaN where it refuses the record.
    probabilities (rows,): P(bad) by the model that is taken for true, NaN for a refused record. outcomes (rows,): 1 =
    bad, as the data have it. seconds (rows,): of their time column, since 1970; None where they have none. spare: rows
    for each record that is to be drawn, more than 1 where some are to come more often than others.
    """

    table: pa.Table
    matrix: FloatArray
    probabilities: FloatArray
    outcomes: Outcomes
    inputs: tuple[str, ...]
    seconds: FloatArray | None = None
    spare: int = 1
    generated: bool = True

    @property
    def rows(self) -> int:
        """Number of records."""
        return len(self.outcomes)

    @property
    def days(self) -> Numbers | None:
        """The day of each record (rows,) since 1970, None where records have no time."""
        return None if self.seconds is None else (self.seconds // DAY_SECONDS).astype(np.int64)

    def column(self, name: str) -> FloatArray:
        """Return an input (rows,)."""
        return self.matrix[:, self.inputs.index(name)]


def generated(use_case: UseCase, truth: Scorer, rows: int, seed: int, spare: int = 1) -> Population:
    """Return records of the use case's generator; those that the contract refuses stay, as they would in life."""
    frame = use_case.sample(rows, seed)
    outcome = use_case.contract.outcome
    bad = frame[outcome.name].isin(outcome.bad).to_numpy().astype(np.int8)
    table = pa.Table.from_pandas(frame.drop(columns=[outcome.name]), preserve_index=False)
    checked = truth.validator.check_table(table)
    matrix = truth.encoder.encode_table(checked.values)
    matrix[~checked.valid] = np.nan
    probabilities = np.where(checked.valid, truth.score_matrix(matrix), np.nan)
    return Population(
        table=table,
        matrix=matrix,
        probabilities=probabilities,
        outcomes=bad,
        inputs=truth.encoder.inputs,
        seconds=_seconds(use_case, checked.values),
        spare=spare,
    )


def past_cases(use_case: UseCase, truth: Scorer, file: Path) -> Population:
    """Return a file of past cases that the contract accepts, in order, by time where they have one."""
    cases = read_cases(use_case, file)
    times = cases.times
    order = np.arange(cases.rows) if times is None else np.argsort(times, kind="stable")
    table = cases.table.drop_columns([use_case.contract.outcome.name]).take(pa.array(order))
    return Population(
        table=table,
        matrix=cases.matrix[order],
        probabilities=truth.score_matrix(cases.matrix[order]),
        outcomes=cases.outcomes[order],
        inputs=truth.encoder.inputs,
        seconds=None if times is None else times[order],
        generated=False,
    )


def _seconds(use_case: UseCase, values: dict[str, FloatArray]) -> FloatArray | None:
    for column in use_case.contract.of_role(Role.TIME):
        if not np.isnan(values[column.name]).any():
            return values[column.name]
    return None
