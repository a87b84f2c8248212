"""Hold records against the contract: one record or a table, with the same rules and the same findings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.scoring.arithmetic import FloatArray
from service.scoring.columns import Refused, read_column
from service.scoring.contract import Column, Contract
from service.scoring.findings import Code, Finding, finding, unknown_field
from service.scoring.readers import Reader, Refusal, reader

Rows: TypeAlias = npt.NDArray[np.int64]


class RecordInvalid(Exception):
    """A record that the contract refuses; `findings` has one entry per refused field."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__("; ".join(item.message for item in findings))


class TableInvalid(Exception):
    """A table whose columns are not those of the contract, so that no row of it can be scored."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__("; ".join(item.message for item in findings))


@dataclass(frozen=True)
class CheckedTable:
    """A table held against the contract.

    `values` has one float64 array (rows,) per declared column that is present; where `valid` is false the row
    has at least one finding and its values mean nothing. `refused` is columnar; `findings` spells it out.
    """

    rows: int
    values: dict[str, FloatArray]
    valid: npt.NDArray[np.bool_]
    refused: tuple[Refused, ...] = field(default=())

    def findings(self) -> dict[int, list[Finding]]:
        """Return the findings of each refused row, by row index from 0, in the order of the contract."""
        by_row: dict[int, list[Finding]] = {}
        for block in self.refused:
            for row, value in zip(block.rows.tolist(), block.values, strict=True):
                by_row.setdefault(row, []).append(finding(block.column, block.code, value))
        return dict(sorted(by_row.items()))


class Validator:
    """The contract made ready to check many records quickly. Immutable, safe to share between threads."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._readers: tuple[tuple[str, Column, bool, Reader], ...] = tuple(
            (column.name, column, column.must_be_present, reader(column)) for column in contract.columns
        )
        self._known = frozenset(contract.by_name) | frozenset(contract.ignored)
        self._absent = {column.name: _absent_value(column) for column in contract.columns}

    def check_record(self, record: Mapping[str, Any]) -> dict[str, float]:
        """Return the float of every declared column of one record; raises `RecordInvalid` with all findings."""
        values = self._absent.copy()
        findings: list[Finding] = []
        for name, column, must_be_present, read in self._readers:
            if name in record:
                try:
                    values[name] = read(record[name])
                except Refusal as refusal:
                    findings.append(finding(column, refusal.code, refusal.value))
            elif must_be_present:
                findings.append(finding(column, Code.MISSING))
        if not record.keys() <= self._known:
            findings += [unknown_field(self.contract, name) for name in record if name not in self._known]
        if findings:
            raise RecordInvalid(tuple(findings))
        return values

    def check_table(self, table: pa.Table, *, text: bool = False) -> CheckedTable:
        """Return the table as floats with what is wrong in it; `text` says that cells are text, as in a CSV file.

        Raises `TableInvalid` when a required column is missing or a column is not declared. The outcome column
        is allowed and not looked at.
        """
        self._check_header(table.column_names)
        valid = np.ones(table.num_rows, dtype=np.bool_)
        values: dict[str, FloatArray] = {}
        refused: list[Refused] = []
        for name, column, _, read in self._readers:
            if name not in table.column_names:
                values[name] = np.full(table.num_rows, self._absent[name])
                continue
            values[name], blocks = read_column(column, read, table.column(name), text=text)
            for block in blocks:
                valid[block.rows] = False
            refused += blocks
        return CheckedTable(table.num_rows, values, valid, tuple(refused))

    def _check_header(self, names: list[str]) -> None:
        known = self._known | {self.contract.outcome.name}
        findings = [
            finding(column, Code.MISSING)
            for name, column, must_be_present, _ in self._readers
            if must_be_present and name not in names
        ]
        findings += [unknown_field(self.contract, name) for name in names if name not in known]
        twice = sorted({name for name in names if names.count(name) > 1})
        findings += [
            Finding(name, Code.UNKNOWN, None, "each column once", f"{name!r} stands twice") for name in twice
        ]
        if findings:
            raise TableInvalid(tuple(findings))


def _absent_value(column: Column) -> float:
    if column.null_level is not None:
        return float(column.levels.index(column.null_level))
    return math.nan
