"""Small worlds whose probabilities are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, ColumnType, Contract, Outcome
from training.simulation.arrivals import Arrivals, TruthOf, World
from training.simulation.changes import Change, read_change
from training.simulation.population import Population

CONTRACT = Contract(
    use_case="small",
    title="Small",
    columns=(
        Column(name="income", type=ColumnType.NUMBER),
        Column(name="debt", type=ColumnType.NUMBER),
        Column(name="purpose", type=ColumnType.CATEGORY, levels=("car", "home/garden", "boat")),
    ),
    outcome=Outcome(name="late", bad=(1,), good=(0,)),
)
PURPOSES = ("car", "home/garden", "boat")


def a_population(rows: int, spare: int = 1, seed: int = 1) -> Population:
    """Records of two numbers and a purpose; log-odds of bad are -1 + income - debt / 2, a half more for boats."""
    rng = np.random.default_rng(seed)
    income, debt = rng.normal(0, 1, rows), rng.normal(0, 1, rows)
    purpose = rng.integers(0, 3, rows)
    probabilities = 1 / (1 + np.exp(1 - income + debt / 2 - 0.5 * (purpose == 2)))
    table = {"income": income, "debt": debt, "purpose": np.array(PURPOSES)[purpose]}
    return Population(
        table=pa.table(table),
        matrix=np.column_stack([income, debt, purpose]),
        probabilities=probabilities,
        outcomes=(rng.random(rows) < probabilities).astype(np.int8),
        inputs=("income", "debt", "purpose"),
        spare=spare,
    )


def a_world(population: Population, truth: TruthOf = "model", **changes: str) -> World:
    """A world with one change of each kind that is named."""
    declared = tuple(read_change(Change(kind), text, CONTRACT) for kind, text in changes.items())
    return World(population, declared, truth)


def one_day(world: World, count: int, week: float = 10.0, **more: Any) -> Arrivals:
    """Who comes on one day."""
    among = np.arange(world.population.rows)
    return world.arrive(among, count, week, more.get("day", 0), np.random.default_rng(more.get("seed", 5)))


def fitted(matrix: FloatArray, bad: FloatArray) -> FloatArray:
    """Return the intercept and coefficients of a logistic regression (Newton's method)."""
    design = np.column_stack([np.ones(len(matrix)), matrix])
    found = np.zeros(design.shape[1])
    for _ in range(12):
        p = 1 / (1 + np.exp(-design @ found))
        information = (design * (p * (1 - p))[:, None]).T @ design
        found += np.linalg.solve(information, design.T @ (bad - p))
    return found


def log_odds(share: float) -> float:
    return float(np.log(share / (1 - share)))
