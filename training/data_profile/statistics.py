"""The statistics of past cases by outcome: what the page shows, as JSON data."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Derived, Role
from training.data import Cases
from training.data_profile.association import level_associations, rank_correlations
from training.data_profile.bins import Binned, binned, rounded
from training.data_profile.cells import LEAST_CELL, cells, counts_of, rate
from training.data_profile.histogram import histogram
from training.data_profile.information import information_value, weights_of_evidence
from training.data_profile.orders import codes_of
from training.data_profile.over_time import over_time

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# A level is rare with fewer cases than this, or a hundredth of all.
RARE_CASES, RARE_SHARE = 30, 0.01


def data_profile(cases: Cases) -> dict[str, Any]:
    """Return what the cases look like by outcome: overview, columns, how they go together, how they move in time.

    Only counts of at least five cases, figures of groups of them, and rounded quantiles: never a value of one case,
    and no id. A smaller count is "<5".
    """
    contract = cases.use_case.contract
    columns = {column.name: (column, cases.values[column.name]) for column in _described(cases)}
    for derived in contract.derived:
        columns[derived.name] = (_as_column(derived), cases.matrix[:, contract.inputs.index(derived.name)])
    bins = {name: binned(values, column, cases.outcomes) for name, (column, values) in columns.items()}
    numbers = {name: values for name, (column, values) in columns.items() if column.is_numeric}
    levels = {name: (bins[name].codes, len(bins[name].labels)) for name in columns if name not in numbers}
    return {
        "use_case": cases.use_case.name,
        "title": contract.title,
        "source": cases.source,
        "generated": cases.generated,
        "fingerprint": cases.fingerprint,
        "rows": cases.rows,
        "bad": rate(cases.rows, int(cases.outcomes.sum())),
        "duplicates": _duplicates(cases),
        "refused": cases.refused,
        "least_cell": LEAST_CELL,
        "columns": [_column(cases, column, values, bins[name]) for name, (column, values) in columns.items()],
        "ids": [_id(cases, column) for column in contract.of_role(Role.ID)],
        "correlations": rank_correlations(numbers),
        "associations": level_associations(levels),
        "time": over_time(cases, bins),
    }


def _described(cases: Cases) -> list[Column]:
    return [
        column
        for column in cases.use_case.contract.columns
        if column.type not in (ColumnType.ID, ColumnType.TIME)
    ]


def _as_column(derived: Derived) -> Column:
    text = derived.description or f"{derived.operation} of {' and '.join(derived.of)}"
    return Column(name=derived.name, type=ColumnType.NUMBER, description=text, nullable=True)


def _column(cases: Cases, column: Column, values: FloatArray, bins: Binned) -> dict[str, Any]:
    counts, bad = counts_of(bins.codes, cases.outcomes, len(bins.labels))
    shown = cells(counts, bad)
    woe = weights_of_evidence(counts, bad).tolist()
    contract = cases.use_case.contract
    return {
        "name": column.name,
        "type": str(column.type),
        "role": str(column.role) if column.name in contract.by_name else "derived",
        "unit": column.unit,
        "description": column.description,
        "nulls": shown[-1] if bins.has_nulls else {"cases": 0},
        "quantiles": _quantiles(values, column) if column.is_numeric else None,
        "histogram": histogram(values, column, cases.outcomes) if column.is_numeric else None,
        "bins": [
            {
                "label": label,
                **cell,
                "woe": weight if cell["bad_rate"] is not None else None,
                "rare": not column.is_numeric and n < max(RARE_CASES, RARE_SHARE * cases.rows),
            }
            for label, cell, weight, n in zip(bins.labels, shown, woe, counts, strict=True)
        ],
        "information": information_value(counts, bad),
    }


def _quantiles(values: FloatArray, column: Column) -> dict[str, float]:
    """Return rounded quantiles that have at least five cases on either side."""
    present = values[~np.isnan(values)]
    usable = [share for share in QUANTILES if min(share, 1 - share) * len(present) >= LEAST_CELL]
    if not usable:
        return {}
    found = rounded(np.quantile(present, usable), present, whole=column.type is ColumnType.INTEGER)
    return {f"{share:.0%}": value for share, value in zip(usable, found.tolist(), strict=True)}


def _duplicates(cases: Cases) -> dict[str, int]:
    group = cases.groups
    size, bad = np.bincount(group), np.bincount(group, weights=cases.outcomes)
    return {
        "repeated": cases.rows - len(size),
        "with_other_outcome": int(size[(bad > 0) & (bad < size)].sum()),
    }


def _id(cases: Cases, column: Column) -> dict[str, Any]:
    codes = codes_of(cases, column.name)
    distinct = None if codes is None else len(np.unique(codes))
    return {"name": column.name, "description": column.description, "distinct": distinct}
