"""Orders of the cases (by time, by number, as they stand in the file), and whether the bad rate moves along them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Role
from training.data import Cases, Indices

TENTHS = 10
# Chance moves one order in a thousand.
SIGNIFICANT = 0.001
LEAST_EXPECTED = 5


@dataclass(frozen=True)
class Order:
    """An order of the cases: ranks (rows,), its kind (time, row_order or id) and the column that it comes from."""

    kind: str
    column: str | None
    ranks: FloatArray


@dataclass(frozen=True)
class Movement:
    """How the bad rate differs over the tenths of an order, and how well the tenth tells the outcome."""

    roc_auc: float
    lowest: float
    highest: float


def orders(cases: Cases) -> Iterator[Order]:
    """Yield the orders that there are: time, rows as they stand, ids that are numbers."""
    from scipy.stats import rankdata

    times = cases.times
    if times is not None and times.min() < times.max():
        yield Order("time", cases.use_case.contract.of_role(Role.TIME)[0].name, rankdata(times))
    yield Order("row_order", None, np.arange(cases.rows, dtype=np.float64))
    for column in cases.use_case.contract.of_role(Role.ID):
        numbers = _numbers(cases, column.name)
        if numbers is not None and numbers.min() < numbers.max():
            yield Order("id", column.name, rankdata(numbers))


def movement(order: Order, cases: Cases) -> Movement | None:
    """Return how the bad rate moves along an order; None where chance explains it, or bad cases are too few to say."""
    from scipy.stats import chi2_contingency
    from sklearn.metrics import roc_auc_score

    borders = np.unique(np.quantile(order.ranks, np.arange(1, TENTHS) / TENTHS))
    tenth = np.unique(np.searchsorted(borders, order.ranks), return_inverse=True)[1]
    counts, bad = np.bincount(tenth), np.bincount(tenth, weights=cases.outcomes)
    rarer = min(cases.outcomes.mean(), 1 - cases.outcomes.mean())
    if len(counts) < 2 or counts.min() * rarer < LEAST_EXPECTED:
        return None
    if chi2_contingency(np.stack([bad, counts - bad])).pvalue >= SIGNIFICANT:
        return None
    rate = bad / counts
    return Movement(float(roc_auc_score(cases.outcomes, rate[tenth])), float(rate.min()), float(rate.max()))


def codes_of(cases: Cases, name: str) -> Indices | None:
    """Return a number per case (rows,), equal for equal ids; None where the data have no such column."""
    if name not in cases.table.column_names:
        return None
    encoded = cases.table.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
    codes: Indices = encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp)
    return codes


def _numbers(cases: Cases, name: str) -> FloatArray | None:
    """Return an id column as numbers (rows,), None where it holds anything else."""
    import pyarrow as pa

    if name not in cases.table.column_names:
        return None
    try:
        numbers = cases.table.column(name).cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return None if np.isnan(numbers).any() else numbers.astype(np.float64)
