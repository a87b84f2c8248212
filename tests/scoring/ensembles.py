"""Random predictors of every kind, matrices that hit their borders, nulls and levels, and scorers of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.calibration import Calibrator
from service.scoring.contract import Contract
from service.scoring.policy import Policy
from service.scoring.predictors import Predictor
from service.scoring.predictors.arrays import on_grid
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm
from service.scoring.predictors.symmetric_trees import UNUSED, SymmetricTrees
from service.scoring.predictors.trees import LEAF, NODE, Trees
from service.scoring.profile import level_counts, make_profile
from service.scoring.reasons import ReasonText
from service.scoring.scorer import Scorer

# Few borders, which the matrices contain: `x > border` is decided at equality too.
BORDERS = (-3.0, -0.5, 0.0, 0.25, 1.0, 8.0, 13.0, 40.0, 2500.5)


def random_predictor(kind: str, rng: np.random.Generator, levels: Sequence[int]) -> Predictor:
    """Return a predictor of one kind for inputs with these numbers of levels."""
    if kind == "linear":
        return random_linear(rng, levels)
    if kind == "symmetric_trees":
        return random_symmetric_trees(rng, levels, trees=12, depth=4)
    return random_trees(rng, levels, trees=12, leaves=9)


def random_linear(rng: np.random.Generator, levels: Sequence[int]) -> LinearPredictor:
    """Return terms of random weights."""
    terms: list[NumberTerm | LevelTerm] = []
    for count in levels:
        if count:
            terms.append(LevelTerm(tuple(rng.normal(size=count).tolist()), float(rng.normal())))
            continue
        low, high = sorted(rng.choice(BORDERS, 2, replace=False).tolist())
        weight, center, if_null = rng.normal(size=3).tolist()
        terms.append(NumberTerm(weight / (high - low), center, low, high, if_null))
    return LinearPredictor(float(rng.normal()), terms)


def random_symmetric_trees(
    rng: np.random.Generator, levels: Sequence[int], *, trees: int, depth: int
) -> SymmetricTrees:
    """Return symmetric trees, some of whose questions are unused."""
    inputs = rng.integers(UNUSED, len(levels), (trees, depth)).astype(np.int32)
    values = np.zeros((trees, depth))
    for place, position in np.ndenumerate(inputs):
        if position != UNUSED:
            values[place] = (
                rng.integers(levels[int(position)]) if levels[int(position)] else rng.choice(BORDERS)
            )
    return SymmetricTrees(float(rng.normal()), inputs, values, random_leaves(rng, (trees, 2**depth)), levels)


def random_trees(
    rng: np.random.Generator,
    levels: Sequence[int],
    *,
    trees: int,
    leaves: int,
    link: Literal["log_odds", "probability"] = "log_odds",
) -> Trees:
    """Return trees of up to `leaves` leaves each, grown at random, nulls going either way."""
    grown = [random_tree(rng, levels, int(rng.integers(1, leaves + 1)), tree) for tree in range(trees)]
    nodes = np.concatenate(grown)
    if link == "probability":
        is_leaf = nodes["input"] == LEAF
        nodes["value"][is_leaf] = on_grid(rng.uniform(0, 0.9 / trees, is_leaf.sum()))
        return Trees(0.05, link, nodes, levels)
    return Trees(float(rng.normal()), link, nodes, levels)


def random_tree(
    rng: np.random.Generator, levels: Sequence[int], leaves: int, tree: int = 0
) -> npt.NDArray[Any]:
    """Return the nodes of one tree of exactly `leaves` leaves."""
    nodes = np.zeros(2 * leaves - 1, dtype=NODE)
    nodes["tree"], nodes["input"] = tree, LEAF
    ends = [0]
    for split in range(leaves - 1):
        node = ends.pop(int(rng.integers(len(ends))))
        position = int(rng.integers(len(levels)))
        count = levels[position]
        nodes["input"][node] = position
        nodes["value"][node] = rng.integers(count) if count else rng.choice(BORDERS)
        nodes["left"][node], nodes["right"][node] = 2 * split + 1, 2 * split + 2
        nodes["null_right"][node] = rng.random() < 0.5
        ends += [2 * split + 1, 2 * split + 2]
    nodes["value"][ends] = random_leaves(rng, len(ends))
    return nodes


def random_leaves(rng: np.random.Generator, shape: int | tuple[int, ...]) -> FloatArray:
    """Return leaf values on the grid."""
    return on_grid(rng.normal(scale=0.3, size=shape))


def random_matrix(rng: np.random.Generator, levels: Sequence[int], rows: int) -> FloatArray:
    """Return encoded rows: levels, numbers between and on the borders, and nulls."""
    columns = []
    for count in levels:
        numbers = np.where(rng.random(rows) < 0.5, rng.choice(BORDERS, rows), rng.normal(scale=20, size=rows))
        column = rng.integers(count, size=rows).astype(np.float64) if count else numbers
        column[rng.random(rows) < 0.15] = np.nan
        columns.append(column)
    return np.asfortranarray(np.stack(columns, axis=1))


def scorer_of(contract: Contract, kind: str, seed: int) -> Scorer:
    """Return a scorer of any contract, with a random predictor."""
    rng = np.random.default_rng(seed)
    levels = level_counts(contract)
    predictor = random_predictor(kind, rng, levels)
    matrix = random_matrix(rng, levels, 50)
    calibrator = Calibrator("platt", 0.8, 0.1)
    return Scorer(
        "0" * 16,
        contract,
        predictor,
        calibrator,
        Policy("test", 0.4, 0.6),
        {name: ReasonText("R", name) for name in contract.inputs},
        make_profile(contract, matrix, calibrator.probability(predictor.score_many(matrix)), 0.4),
        {},
    )
