"""Random small networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from service.scoring.predictors.design import Design, Scale
from service.scoring.predictors.network import Layer, Network


def random_network(
    rng: np.random.Generator, levels: Sequence[int], widths: Sequence[int] = (8, 5, 1)
) -> Network:
    """Return a network of random weights for inputs with these numbers of levels."""
    design = Design([None if count else _random_scale(rng) for count in levels], levels)
    layers, rows = [], design.width
    for width in widths:
        layers.append(Layer(rng.normal(size=(rows, width)) / np.sqrt(rows), rng.normal(size=width)))
        rows = width
    return Network(design, layers)


def _random_scale(rng: np.random.Generator) -> Scale:
    low, center, high = np.sort(rng.normal(scale=20, size=3)).tolist()
    return Scale(center, float(rng.uniform(0.5, 10)), low, high)
