"""A small neural network: standardised inputs, dense layers with ReLU, one output, the log-odds of bad.

Sums are taken column by column in one order that is written down here, for one record as for many. A matrix product
would be left to a linear algebra library, whose order of summation, and so whose last bits, change with the
number of rows, of threads and the processor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.errors import BundleInvalid, canonical_json, expect_keys, expect_number
from service.scoring.predictors.arrays import from_npy, to_npy
from service.scoring.predictors.design import Design, Scale

MOST_LAYERS = 4
WIDEST = 512
# Neither a weight nor a standardised value may be larger, so that no sum overflows.
LARGEST = 2.0**20
# A block's sums, some tens of columns of float64, stay in the processor's cache.
ROWS_AT_A_TIME = 512


@dataclass(frozen=True)
class Layer:
    """`bias + x @ weights`; weights: float64 (columns in, columns out), bias: float64 (columns out,)."""

    weights: FloatArray
    bias: FloatArray


class Network:
    """Layers over the design of a record; all but the last are followed by max(0, x)."""

    kind = "network"

    def __init__(self, design: Design, layers: Sequence[Layer]) -> None:
        self.design = design
        # Adding 0 makes a 0 of -0.0: a sum that does not start at -0.0 never is -0.0 and is not changed by any zero.
        self.layers = [Layer(np.ascontiguousarray(layer.weights), layer.bias + 0.0) for layer in layers]
        self._check()

    def score_one(self, row: Sequence[float]) -> float:
        """Return the raw score of one encoded record."""
        x = np.array(self.design.of_one(row))
        for layer in self.layers[:-1]:
            x = _rectified(_sum_one(x, layer))
        return float(_sum_one(x, self.layers[-1])[0])

    def score_many(self, matrix: FloatArray) -> FloatArray:
        """Return raw scores (rows,) of an encoded matrix (rows, inputs)."""
        scores = np.empty(len(matrix))
        for start in range(0, len(matrix), ROWS_AT_A_TIME):
            rows = slice(start, start + ROWS_AT_A_TIME)
            x = self.design.of_many(matrix[rows]).T
            for layer in self.layers[:-1]:
                x = _rectified(_sum_many(x, layer))
            scores[rows] = _sum_many(x, self.layers[-1])[0]
        return scores

    def to_files(self) -> dict[str, bytes]:
        """Return `predictor.json` and `weights.npy`: layer by layer the bias, then the weights row by row."""
        body = {
            "kind": self.kind,
            "scales": [None if scale is None else asdict(scale) for scale in self.design.scales],
            "widths": [len(layer.bias) for layer in self.layers],
        }
        flat = [part.ravel() for layer in self.layers for part in (layer.bias, layer.weights)]
        return {"predictor.json": canonical_json(body), "weights.npy": to_npy(np.concatenate(flat))}

    @classmethod
    def from_files(
        cls, body: Mapping[str, Any], files: Mapping[str, bytes], levels: Sequence[int]
    ) -> Network:
        """Read the network; raises `BundleInvalid` for anything out of bounds."""
        expect_keys(body, {"kind", "scales", "widths"}, "network")
        design = Design(_read_scales(body["scales"], levels), levels)
        shapes = list(pairwise([design.width, *_read_widths(body["widths"])]))
        flat = from_npy(
            files, "weights.npy", np.float64, (sum((rows + 1) * width for rows, width in shapes),)
        )
        layers = []
        for rows, width in shapes:
            bias, weights, flat = np.split(flat, [width, (rows + 1) * width])
            layers.append(Layer(weights.reshape(rows, width), bias))
        return cls(design, layers)

    def _check(self) -> None:
        # No NaN is within anything.
        parts = [part for layer in self.layers for part in (layer.weights, layer.bias)]
        if not all((np.abs(part) <= LARGEST).all() for part in parts):
            raise BundleInvalid(f"network: a weight is not a finite number within {LARGEST:.0f} of 0")


def _sum_one(x: FloatArray, layer: Layer) -> FloatArray:
    # An accumulation is a running sum by definition, so its last row is added up in the order of the columns.
    terms = np.concatenate((layer.bias[None, :], x[:, None] * layer.weights))
    last: FloatArray = np.add.accumulate(terms, axis=0)[-1]
    return last


def _sum_many(columns: FloatArray, layer: Layer) -> FloatArray:
    """Return the sums (columns out, rows) of `columns` (columns in, rows)."""
    total = np.repeat(layer.bias[:, None], columns.shape[1], axis=1)
    term = np.empty_like(total)
    for x, weights in zip(columns, layer.weights, strict=True):
        # Most columns for nulls are empty; leaving them out changes no bit.
        if x.any():
            np.multiply(weights[:, None], x, out=term)
            np.add(total, term, out=total)
    return total


def _rectified(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0.0, out=x)


def _read_scales(body: Any, levels: Sequence[int]) -> list[Scale | None]:
    if not isinstance(body, list) or len(body) != len(levels):
        raise BundleInvalid(f"network: expected {len(levels)} scales, one per input")
    return [_read_scale(item, count) for item, count in zip(body, levels, strict=True)]


def _read_scale(body: Any, levels: int) -> Scale | None:
    if levels:
        if body is not None:
            raise BundleInvalid("network: an input with levels has a scale")
        return None
    expect_keys(body, {"center", "spread", "low", "high"}, "network scale")
    scale = Scale(**{name: expect_number(value, f"scale's {name}") for name, value in body.items()})
    if not (scale.spread > 0 and scale.low <= scale.high):
        raise BundleInvalid(f"network: {scale} needs a spread above 0 and low no higher than high")
    if max(abs(scale.low - scale.center), abs(scale.high - scale.center)) > LARGEST * scale.spread:
        raise BundleInvalid(f"network: {scale} gives values further than {LARGEST:.0f} from 0")
    return scale


def _read_widths(body: Any) -> list[int]:
    fits = isinstance(body, list) and 1 <= len(body) <= MOST_LAYERS and body[-1] == 1
    if not fits or not all(type(width) is int and 1 <= width <= WIDEST for width in body):
        raise BundleInvalid(
            f"network: widths {body!r} are not 1 to {MOST_LAYERS} whole numbers from 1 to {WIDEST}, the last of them 1"
        )
    return list(body)
