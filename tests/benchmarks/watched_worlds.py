"""Worlds in which a model decides and everything is known: what changes, when, and who is told of which outcome.

A model's log-odds are the truth, until a declared change. Good outcomes are known at maturity, bad ones at any time
before it, as those of loans are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.calibration import Calibrator
from service.scoring.contract import Column, ColumnType, Contract, Outcome
from service.scoring.policy import Costs, Policy
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm
from service.scoring.profile import make_profile
from service.scoring.scorer import Scorer
from training.evaluate import Judged
from training.evaluate import judge as judge_rows
from training.monitoring.observed import Observed, Refused
from training.performance.maturity import DAY
from training.performance.told import Told
from training.use_case import Monitoring, UseCase
from training.use_cases import use_cases

# 2026-01-01T00:00:00Z
BEGIN = 1_767_225_600_000_000
MODEL = "watched_loans:0123456789abcdef"
CONTRACT = Contract(
    use_case="watched_loans",
    title="Watched loans",
    columns=(
        *(Column(name=name, type=ColumnType.NUMBER) for name in ("debt", "income", "tenure")),
        Column(name="purpose", type=ColumnType.CATEGORY, levels=("car", "home", "other")),
    ),
    outcome=Outcome(name="late", bad=(1,), good=(0,)),
)
WEIGHTS, OF_PURPOSE, INTERCEPT = (1.0, -0.7, -0.5), (-0.3, 0.0, 0.5), -1.9
POLICY, COSTS = Policy("test", refer_from=0.3, decline_from=0.5), Costs(5.0, 1.0, 0.6, "units")
MONITORING = Monitoring(maturity_days=30)


@dataclass(frozen=True)
class Change:
    """What is different from a day on.

    shift: added to the true log-odds. stretched: the model's log-odds are multiplied by it while the truth stays, which
    leaves the ranking as it is. weights: of the numbers in the truth. drift: added to `debt`, and spread: the numbers
    are multiplied by it; truth and model follow both as ever.
    """

    from_day: int = 0
    shift: float = 0.0
    stretched: float = 1.0
    weights: tuple[float, float, float] = WEIGHTS
    drift: float = 0.0
    spread: float = 1.0


@dataclass(frozen=True)
class World:
    """So many decisions on each of so many days, and who is told of: everyone, the approved, or these and a share."""

    days: int = 240
    per_day: int = 60
    change: Change = field(default_factory=Change)
    tells: Literal["all", "approved"] = "approved"
    accepted_declines: float = 0.0
    intercept: float = INTERCEPT
    monitoring: Monitoring = MONITORING


@dataclass(frozen=True)
class Lived:
    """What a world has come to: decisions, every outcome and its day (microseconds), and what was told by now."""

    observed: Observed
    truth: FloatArray
    bad: FloatArray
    told: Told
    now: int


def live(world: World, seed: int) -> Lived:
    """Let a world's days pass; all that is told by the end of the last is known then."""
    rng = np.random.default_rng(seed)
    rows, now = world.days * world.per_day, BEGIN + world.days * DAY
    at = BEGIN + np.sort(rng.integers(0, world.days * DAY, rows))
    changed = at >= BEGIN + world.change.from_day * DAY
    matrix = records(rng, rows)
    matrix[:, :3] *= np.where(changed, world.change.spread, 1.0)[:, None]
    matrix[:, 0] += np.where(changed, world.change.drift, 0.0)
    before, after = (
        log_odds_of(matrix, world.intercept, weights) for weights in (WEIGHTS, world.change.weights)
    )
    truth = logistic(np.where(changed, after + world.change.shift, before))
    scores = logistic(np.where(changed, before * world.change.stretched, before))
    bad = (rng.random(rows) < truth).astype(np.float64)
    maturity = world.monitoring.maturity_days * DAY
    observed_at = at + np.where(bad == 1, rng.integers(1, maturity + 1, rows), maturity)
    decisions = POLICY.decide_all(scores)
    heard = (observed_at <= now) & _told_of(world, decisions, rng)
    observed = Observed(
        matrix=matrix,
        probabilities=scores,
        decisions=decisions,
        at=at,
        about=[f"d{row}" for row in range(rows)],
        models=(MODEL,),
        model_codes=np.zeros(rows, np.int16),
        erased=0,
        refused=Refused(0, {}),
    )
    told = Told(np.where(heard, bad, np.nan), np.where(heard, observed_at, 0))
    return Lived(observed, truth, bad, told, now)


def records(rng: np.random.Generator, rows: int) -> FloatArray:
    """Return records (rows, 4) as encoded."""
    return np.column_stack([rng.normal(size=(rows, 3)), rng.integers(0, 3, rows).astype(np.float64)])


def log_odds_of(
    matrix: FloatArray, intercept: float = INTERCEPT, weights: tuple[float, ...] = WEIGHTS
) -> FloatArray:
    """Return the model's log-odds of bad (rows,), or those of another truth."""
    found: FloatArray = (
        intercept + matrix[:, :3] @ np.array(weights) + np.array(OF_PURPOSE)[matrix[:, 3].astype(int)]
    )
    return found


def use_case_of(world: World) -> UseCase:
    """Return a use case that is watched as the world says."""
    monitoring = replace(world.monitoring, accepted_declines=world.accepted_declines)
    return replace(use_cases()["loan_approval"], costs=COSTS, monitoring=monitoring)


@cache
def scorer_of(intercept: float = INTERCEPT, rows: int = 6_000, seed: int = 1) -> Scorer:
    """Return the model, its evidence taken from untouched rows of the unchanged world."""
    rng = np.random.default_rng(seed)
    matrix = records(rng, rows)
    terms = [NumberTerm(weight, 0.0, -100.0, 100.0, 0.0) for weight in WEIGHTS]
    predictor = LinearPredictor(intercept, [*terms, LevelTerm(OF_PURPOSE, 0.0)])
    p = logistic(predictor.score_many(matrix))
    judged = Judged("untouched rows", (rng.random(rows) < p).astype(np.int8), p[None], POLICY, COSTS)
    evidence: dict[str, Any] = {"procedure": judge_rows(judged, 0)}
    profile = make_profile(CONTRACT, matrix, p, POLICY.refer_from)
    version = MODEL.split(":")[1]
    return Scorer(version, CONTRACT, predictor, Calibrator(), POLICY, {}, profile, evidence)


def _told_of(
    world: World, decisions: npt.NDArray[np.int8], rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    if world.tells == "all":
        return np.ones(len(decisions), np.bool_)
    accepted = rng.random(len(decisions)) < world.accepted_declines
    return np.where(decisions == 0, np.True_, (decisions == 2) & accepted)
