"""Which rows judge and which are learnt from; decided before anything is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.errors import UnreadableInput
from training.data import Cases, Indices
from training.use_case import Split

HELD_OUT = 0.2
FOLDS = 5
# In time, the first third is only learnt from: a model of a few days would judge nothing.
FIRST_FIT = 1 / 3
# Below this many rows one round of folds says little, so it is repeated.
SMALL = 2_000
REPEATS_WHEN_SMALL = 5


@dataclass(frozen=True)
class Fold:
    """Row numbers to fit on and row numbers to score."""

    fit: Indices
    score: Indices


@dataclass(frozen=True)
class Plan:
    """The untouched rows, the others, and how the split was made, in words."""

    development: Indices
    untouched: Indices
    method: str


def plan_split(cases: Cases, seed: int) -> Plan:
    """Set a fifth of the cases aside: the latest, or a stratified draw that keeps exact duplicates together.

    Raises `UnreadableInput` unless both parts hold both outcomes.
    """
    plan = _plan(cases, seed)
    for rows in (plan.development, plan.untouched):
        if len(np.unique(cases.outcomes[rows])) < 2:
            raise UnreadableInput(
                f"{cases.source}: split {plan.method}, one part holds cases of one outcome only"
            )
    return plan


def _plan(cases: Cases, seed: int) -> Plan:
    everything = np.arange(cases.rows, dtype=np.intp)
    times = cases.times
    if cases.use_case.split is Split.TIME and times is not None:
        since = np.quantile(times, 1 - HELD_OUT, method="higher")
        return Plan(
            everything[times < since], everything[times >= since], "by time: the latest fifth is untouched"
        )
    _, untouched = _stratified(cases, everything, round(1 / HELD_OUT), seed)[0]
    development = np.setdiff1d(everything, untouched)
    return Plan(development, untouched, "stratified: a fifth is untouched; duplicates stay together")


def make_folds(cases: Cases, rows: Indices, seed: int) -> list[Fold]:
    """Split `rows` for cross-validation: expanding in time, or stratified with duplicates together.

    Few rows are split five times over. Raises `UnreadableInput` when an outcome occurs less than twice.
    """
    times = cases.times
    if cases.use_case.split is Split.TIME and times is not None:
        return _expanding(cases, rows, times[rows])
    repeats = REPEATS_WHEN_SMALL if len(rows) < SMALL else 1
    return [
        Fold(fit, score)
        for repeat in range(repeats)
        for fit, score in _stratified(cases, rows, FOLDS, seed + repeat)
    ]


def _stratified(cases: Cases, rows: Indices, folds: int, seed: int) -> list[tuple[Indices, Indices]]:
    from sklearn.model_selection import StratifiedKFold

    _, first, group = np.unique(cases.groups[rows], return_index=True, return_inverse=True)
    outcomes = cases.outcomes[rows][first]
    folds = min(folds, int(np.bincount(outcomes, minlength=2).min()))
    if folds < 2:
        raise UnreadableInput(f"{cases.source}: training needs at least two distinct cases of each outcome")
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return [
        (rows[~np.isin(group, held)], rows[np.isin(group, held)])
        for _, held in splitter.split(np.zeros(len(first)), outcomes)
    ]


def _expanding(cases: Cases, rows: Indices, times: np.ndarray) -> list[Fold]:
    shares = FIRST_FIT + (1 - FIRST_FIT) * np.arange(FOLDS) / FOLDS
    edges = [*np.quantile(times, shares, method="higher"), np.inf]
    folds = [
        Fold(rows[times < since], rows[(times >= since) & (times < until)])
        for since, until in pairwise(edges)
    ]
    if len(np.unique(cases.outcomes[folds[0].fit])) < 2:
        raise UnreadableInput(f"{cases.source}: the first third of the time holds cases of one outcome only")
    return folds
