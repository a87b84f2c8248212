"""How the inputs and the score were distributed when the model was made: the reference for drift and for reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Contract
from service.scoring.errors import BundleInvalid, expect_keys, expect_number

QUANTILES = 20
SCORE_BORDERS = tuple(i / 20 for i in range(1, 20))


@dataclass(frozen=True)
class Distribution:
    """Counts of an input: of its nulls, and of its values per bin between `borders`, or per level."""

    borders: tuple[float, ...]
    counts: tuple[int, ...]
    nulls: int


@dataclass(frozen=True)
class Profile:
    """Distributions of every input and of P(bad), and the typical approved record, over `rows` held-out rows.

    `typical` has per input the median, or the most frequent level; None where most are null.
    """

    rows: int
    inputs: dict[str, Distribution]
    probability: Distribution
    typical: dict[str, float | None]

    def reference(self) -> list[float]:
        """Return the typical approved record as an encoded row."""
        return [float("nan") if value is None else value for value in self.typical.values()]

    def to_json(self) -> dict[str, Any]:
        """Return the profile as JSON data."""
        return {
            "rows": self.rows,
            "inputs": {name: vars(item) for name, item in self.inputs.items()},
            "probability": vars(self.probability),
            "typical": self.typical,
        }

    @classmethod
    def from_json(cls, body: Any, contract: Contract) -> Profile:
        """Read a profile of this contract's inputs; raises `BundleInvalid` otherwise."""
        expect_keys(body, {"rows", "inputs", "probability", "typical"}, "profile")
        expect_keys(body["inputs"], set(contract.inputs), "profile inputs")
        expect_keys(body["typical"], set(contract.inputs), "profile typical record")
        counts = level_counts(contract)
        typical: dict[str, float | None] = {}
        for name, count in zip(contract.inputs, counts, strict=True):
            value = body["typical"][name]
            typical[name] = None if value is None else expect_number(value, f"typical {name}")
            if count and value is not None and value not in range(count):
                raise BundleInvalid(f"profile: typical {name}={value} is no level of it")
        return cls(
            int(expect_number(body["rows"], "profile rows")),
            {
                name: _read_distribution(body["inputs"][name], name, count)
                for name, count in zip(contract.inputs, counts, strict=True)
            },
            _read_distribution(body["probability"], "probability", 0),
            typical,
        )


def level_counts(contract: Contract) -> tuple[int, ...]:
    """Return the number of levels of each input, 0 for a number; what predictors need to know of a contract."""
    return tuple(len(column.levels) for column in contract.features) + (0,) * len(contract.derived)


def score_counts(probabilities: FloatArray) -> npt.NDArray[np.int64]:
    """Count probabilities (rows,) between the borders of the score's distribution; (20,), a border in the upper bin."""
    return _counts(probabilities, np.array(SCORE_BORDERS))


def stability_index(reference: Sequence[int], counts: Sequence[int]) -> float:
    """Return the population stability index of counts (bins,) against reference counts of the same bins.

    The sum of (a - b) ln(a / b) over the shares a and b, smoothed so that none is empty.
    """
    a, b = (smoothed_shares(item) for item in (counts, reference))
    return float(((a - b) * np.log(a / b)).sum())


def smoothed_shares(counts: Sequence[int]) -> FloatArray:
    """Return counts (bins,) as shares of their sum, half a case being added to each."""
    smooth = np.asarray(counts, dtype=np.float64) + 0.5
    shares: FloatArray = smooth / smooth.sum()
    return shares


def make_profile(
    contract: Contract, matrix: FloatArray, probabilities: FloatArray, approve_below: float
) -> Profile:
    """Describe held-out rows: `matrix` (rows, inputs) as encoded, `probabilities` (rows,) of the procedure."""
    counts = level_counts(contract)
    approved = matrix[probabilities < approve_below]
    typical_rows = approved if len(approved) else matrix
    return Profile(
        rows=len(matrix),
        inputs={name: _distribution(matrix[:, i], counts[i]) for i, name in enumerate(contract.inputs)},
        probability=_count(probabilities, np.array(SCORE_BORDERS)),
        typical={name: _typical(typical_rows[:, i], counts[i]) for i, name in enumerate(contract.inputs)},
    )


def _distribution(values: FloatArray, levels: int) -> Distribution:
    present = values[~np.isnan(values)]
    if levels:
        counts = np.bincount(present.astype(np.intp), minlength=levels)
        return Distribution((), tuple(counts.tolist()), len(values) - len(present))
    if not len(present):
        return Distribution((), (0,), len(values))
    borders = np.unique(np.quantile(present, np.arange(1, QUANTILES) / QUANTILES))
    return _count(values, borders)


def _count(values: FloatArray, borders: FloatArray) -> Distribution:
    present = values[~np.isnan(values)]
    counts = _counts(present, borders)
    return Distribution(tuple(borders.tolist()), tuple(counts.tolist()), len(values) - len(present))


def _counts(values: FloatArray, borders: FloatArray) -> npt.NDArray[np.int64]:
    return np.bincount(np.searchsorted(borders, values, side="right"), minlength=len(borders) + 1)


def _typical(values: FloatArray, levels: int) -> float | None:
    present = values[~np.isnan(values)]
    if 2 * len(present) < len(values) or not len(present):
        return None
    return float(np.bincount(present.astype(np.intp)).argmax()) if levels else float(np.median(present))


def _read_distribution(body: Any, name: str, levels: int) -> Distribution:
    expect_keys(body, {"borders", "counts", "nulls"}, f"profile of {name}")
    if not (isinstance(body["borders"], list) and isinstance(body["counts"], list)):
        raise BundleInvalid(f"profile of {name}: borders and counts must be lists")
    borders = tuple(expect_number(value, f"border of {name}") for value in body["borders"])
    counts = tuple(int(expect_number(value, f"count of {name}")) for value in body["counts"])
    if len(counts) != (expected := levels or len(borders) + 1):
        raise BundleInvalid(f"profile of {name}: expected {expected} counts, found {len(counts)}")
    return Distribution(borders, counts, int(expect_number(body["nulls"], f"nulls of {name}")))
