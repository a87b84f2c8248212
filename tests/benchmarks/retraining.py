"""How often the rule of promotion is wrong, and how often it finds a better model: by simulation, without trainings.

    python tests/benchmarks/retraining.py [--worlds N] [--seed S]

In each world cases are drawn with a true log-odds of bad each, and two models that know it up to an error. Equal
models have errors of the same size, or err in opposite directions so that they lose exactly as much. The rule then
judges them on as many cases as `aval retrain` would hold out: so many, or more until ten of each outcome are among
them. Shares stand with their 95 % intervals (Wilson).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.policy import Costs, Policy, policy_from_costs
from training.intervals import wilson
from training.losses import cost_of_decisions, log_losses
from training.retrain.divided import LEAST_OF_AN_OUTCOME
from training.retrain.rule import LEVEL, Side, verdict
from training.use_case import Objective

COSTS = Costs(false_approve=5_000, false_decline=1_000, review=600)
# No review between the two: every changed decision is a whole loss or a whole gain.
RARE_COSTS = Costs(false_approve=5_000, false_decline=50)
LARGE = 200_000
MOST_ROWS = 200_000


@dataclass(frozen=True)
class World:
    """Cases whose log-odds are normal, and two models: each with a bias and the spread of its own error."""

    bad_rate: float
    champion: tuple[float, float] = (0.0, 0.3)
    challenger: tuple[float, float] = (0.0, 0.3)
    spread: float = 1.0
    costs: Costs = COSTS
    objective: Objective = Objective.LOG_LOSS

    @cached_property
    def centre(self) -> float:
        """The mean log-odds that gives the bad rate."""
        stream = np.random.default_rng(0).normal(0.0, self.spread, 20_000)
        low, high = -12.0, 12.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if logistic(stream + middle).mean() < self.bad_rate else (low, middle)
        return middle


@dataclass(frozen=True)
class Drawn:
    """Outcomes (rows,) and what both models say (rows,)."""

    outcomes: np.ndarray
    challenger: FloatArray
    champion: FloatArray


def draw(world: World, centre: float, rows: int, stream: np.random.Generator) -> Drawn:
    """Draw cases of a world."""
    truth = stream.normal(centre, world.spread, rows)
    says = [
        logistic(truth + bias + stream.normal(0.0, error, rows))
        for bias, error in (world.challenger, world.champion)
    ]
    return Drawn((stream.random(rows) < logistic(truth)).astype(np.int8), *says)


def promoted(world: World, rows: int, worlds: int, seed: int) -> int:
    """Return in how many worlds the rule promotes the challenger."""
    stream, policy, centre = np.random.default_rng(seed), policy_from_costs(world.costs), world.centre
    # Ten bad cases are nearly always among so many.
    most = min(MOST_ROWS, max(rows, round(4 * LEAST_OF_AN_OUTCOME / world.bad_rate)))
    count = 0
    for _ in range(worlds):
        found = draw(world, centre, most, stream)
        bad = np.cumsum(found.outcomes)
        rarer = np.minimum(bad, np.arange(1, most + 1) - bad)
        held = max(rows, int(np.searchsorted(rarer, LEAST_OF_AN_OUTCOME)) + 1)
        ours, theirs = Side(found.challenger[:held], policy), Side(found.champion[:held], policy)
        count += verdict(found.outcomes[:held], ours, theirs, world.costs, world.objective, LEVEL).promotes
    return count


def expected_losses(world: World) -> tuple[float, float]:
    """Return the mean loss of challenger and champion by the world's objective, over very many cases."""
    stream = np.random.default_rng(1)
    truth = stream.normal(world.centre, world.spread, LARGE)
    policy = policy_from_costs(world.costs)
    found = []
    for bias, error in (world.challenger, world.champion):
        p = logistic(truth + bias + stream.normal(0.0, error, LARGE))
        bad, good = (_loss(world, np.full(LARGE, outcome, np.int8), p, policy) for outcome in (1, 0))
        found.append(float(np.mean(logistic(truth) * bad + logistic(-truth) * good)))
    return found[0], found[1]


def milder(world: World) -> World:
    """Return the world in which the challenger errs to the mild side, the champion to the strict, at the same loss."""
    world = replace(world, champion=(0.7, 0.05))
    low, high = 0.0, 3.0
    for _ in range(20):
        middle = (low + high) / 2
        own, other = expected_losses(replace(world, challenger=(-middle, 0.05)))
        low, high = (middle, high) if own < other else (low, middle)
    if high == 3.0:
        raise ValueError(f"in {world} no mild challenger is as costly as the champion")
    return replace(world, challenger=(-middle, 0.05))


def equal_worlds() -> Iterator[tuple[str, World]]:
    """Yield worlds in which neither model is better, with what is special about each."""
    for rate, costs in ((0.2, COSTS), (0.05, RARE_COSTS), (0.01, RARE_COSTS)):
        for objective in Objective:
            world = World(rate, costs=costs, objective=objective)
            name = f"{rate:.0%} bad, {str(objective).replace('_', ' ')}"
            yield f"{name}: both err by chance", world
            yield f"{name}: champion too strict, challenger too mild", milder(world)
            both = replace(world, champion=(-0.7, 0.3), challenger=(-0.7, 0.3))
            yield f"{name}: both say half the odds", both


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--worlds", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    _say(
        f"Wrong promotions of an equal model, {given.worlds} worlds each; the level of the test: {LEVEL:.1%}."
    )
    _say("")
    _say("| neither model is better | 100 cases | 300 | 1,000 |")
    _say("|---|---|---|---|")
    for name, world in equal_worlds():
        counts = [promoted(world, rows, given.worlds, given.seed + rows) for rows in (100, 300, 1_000)]
        _say(f"| {name} | {' | '.join(_share(count, given.worlds) for count in counts)} |")
    few = given.worlds // 4
    _say("")
    _say(f"Promotions of a better model, {few} worlds each.")
    _say("")
    _say("| mean log loss, challenger and champion | 300 cases | 1,000 | 3,000 |")
    _say("|---|---|---|---|")
    for rate in (0.2, 0.05):
        for error in (0.8, 0.5):
            world = World(rate, champion=(0.0, error), challenger=(0.0, 0.1))
            own, other = expected_losses(world)
            counts = [promoted(world, rows, few, given.seed + rows) for rows in (300, 1_000, 3_000)]
            shares = " | ".join(_share(count, few) for count in counts)
            _say(f"| {rate:.0%} bad: {own:.4f} and {other:.4f}, better by {1 - own / other:.1%} | {shares} |")


def _loss(world: World, outcomes: np.ndarray, p: FloatArray, policy: Policy) -> FloatArray:
    if world.objective is Objective.COST:
        return cost_of_decisions(outcomes, p, policy, world.costs)
    return log_losses(outcomes, p)


def _share(count: int, of: int) -> str:
    low, high = wilson(count / of, of)
    return f"{count / of:.1%} ({low:.1%} to {high:.1%})"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
