"""From checked values to the model's inputs. Nothing is fitted here, so training and serving cannot differ."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray, log
from service.scoring.contract import Contract, Operation

SECONDS_PER_HOUR = 3600.0
SECONDS_PER_DAY = 86400.0
# The first of January 1970 was a Thursday.
WEEKDAY_OF_DAY_ZERO = 3.0


class Encoder:
    """Draws the inputs, in the order of `contract.inputs`, from the floats that validation returns."""

    def __init__(self, contract: Contract) -> None:
        self.inputs = contract.inputs
        names = [column.name for column in contract.features]
        self._take = itemgetter(*names) if len(names) > 1 else lambda values: (values[names[0]],)
        self._names = names
        self._derived = tuple((item.of, _OPERATIONS[item.operation]) for item in contract.derived)

    def encode_record(self, values: Mapping[str, float]) -> list[float]:
        """Return the inputs of one record, NaN where a value is null or cannot be derived."""
        row = list(self._take(values))
        for of, operation in self._derived:
            value = operation(*[values[name] for name in of])
            row.append(value if abs(value) <= sys.float_info.max else math.nan)
        return row

    def encode_table(self, values: Mapping[str, FloatArray]) -> FloatArray:
        """Return the matrix (rows, inputs) of float64, each column contiguous."""
        rows = len(values[self._names[0]])
        matrix = np.empty((rows, len(self.inputs)), dtype=np.float64, order="F")
        for position, name in enumerate(self._names):
            matrix[:, position] = values[name]
        with np.errstate(invalid="ignore", over="ignore"):
            for position, (of, operation) in enumerate(self._derived, start=len(self._names)):
                column = operation(*[values[name] for name in of])
                column[np.isinf(column)] = math.nan
                matrix[:, position] = column
        return matrix


def _ratio(a: Any, b: Any) -> Any:
    if isinstance(b, np.ndarray):
        return np.divide(a, b, out=np.full(len(b), math.nan), where=b != 0)
    return a / b if b != 0 else math.nan


def _difference(a: Any, b: Any) -> Any:
    return a - b


def _hour(t: Any) -> Any:
    return t // SECONDS_PER_HOUR % 24.0


def _weekday(t: Any) -> Any:
    return (t // SECONDS_PER_DAY + WEEKDAY_OF_DAY_ZERO) % 7.0


_OPERATIONS: dict[Operation, Callable[..., Any]] = {
    Operation.RATIO: _ratio,
    Operation.DIFFERENCE: _difference,
    Operation.LOG: log,
    Operation.HOUR: _hour,
    Operation.WEEKDAY: _weekday,
}
