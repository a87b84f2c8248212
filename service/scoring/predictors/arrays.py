"""Arrays in a bundle: numpy's own format without pickled objects, and sums that do not depend on their order."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.errors import BundleInvalid

# Multiples of 2**-40 below 2**12 add up without rounding in float64, so any order of summation, and so any
# evaluator, gives the same bits. 2**-40 is about 1e-12 in log-odds.
GRID = 2.0**-40
LARGEST_SUM = 2.0**12
ROWS_AT_A_TIME = 65_536


def on_grid(values: npt.ArrayLike) -> FloatArray:
    """Round to the nearest multiple of `GRID`."""
    # What overflows becomes infinite, and `expect_on_grid` says so.
    with np.errstate(over="ignore"):
        return np.rint(np.asarray(values, dtype=np.float64) / GRID) * GRID


def expect_on_grid(values: FloatArray, largest_sum: float, what: str) -> None:
    """Raise `BundleInvalid` unless all values are multiples of `GRID` whose largest sum stays exact."""
    if not np.isfinite(values).all() or not np.array_equal(values, on_grid(values)):
        raise BundleInvalid(f"{what}: a value is not a finite multiple of 2**-40")
    if not largest_sum < LARGEST_SUM:
        raise BundleInvalid(f"{what}: values could add up to {largest_sum}, beyond {LARGEST_SUM}")


def to_npy(array: npt.NDArray[Any]) -> bytes:
    """Return the array in numpy's .npy format."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def from_npy(
    files: Mapping[str, bytes], name: str, dtype: npt.DTypeLike, shape: tuple[int | None, ...]
) -> Any:
    """Read an array of exactly this type and shape (None: any length); raises `BundleInvalid` otherwise."""
    if name not in files:
        raise BundleInvalid(f"{name} is missing")
    buffer = io.BytesIO(files[name])
    try:
        array = np.lib.format.read_array(buffer, allow_pickle=False)
    except Exception as error:  # numpy parses the header as Python, and so fails in a dozen ways
        raise BundleInvalid(f"{name} is not a plain array: {error}") from None
    fits = len(array.shape) == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits or buffer.read(1):
        raise BundleInvalid(f"{name}: expected {np.dtype(dtype)} {shape}, found {array.dtype} {array.shape}")
    return array
