"""Which rows judge and which are learnt from; decided before anything is fitted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.errors import UnreadableInput
from training.data import Cases, Indices, Outcomes
from training.use_case import Split

HELD_OUT = 0.2
FOLDS = 5
# In time, the first third is only learnt from: a model of a few days would judge nothing.
FIRST_FIT = 1 / 3
# Below this many rows one round of folds says little, so it is repeated.
SMALL = 2_000
REPEATS_WHEN_SMALL = 5
# Beyond so many blocks chance evens them out, and placing each where it fits best takes half a minute.
BLOCKS_TO_PLACE = 5_000


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
    """Set a fifth of the cases aside: the latest, whole groups, or a stratified draw; exact duplicates stay together.

    Raises `UnreadableInput` unless both parts hold both outcomes.
    """
    plan = _plan(cases, seed)
    for rows in (plan.development, plan.untouched):
        if len(np.unique(cases.outcomes[rows])) < 2:
            raise UnreadableInput(
                f"{cases.source}: split {plan.method}, one part holds cases of one outcome only"
            )
    return plan


def make_folds(cases: Cases, rows: Indices, seed: int) -> list[Fold]:
    """Split `rows` for cross-validation: expanding in time, or stratified with duplicates and groups together.

    Few rows are split five times over. Raises `UnreadableInput` when an outcome occurs less than twice, or when the
    times leave fewer than two folds.
    """
    times = cases.times
    if cases.use_case.split is Split.TIME and times is not None:
        return _expanding(cases, rows, times[rows])
    repeats = REPEATS_WHEN_SMALL if len(rows) < SMALL else 1
    together = blocks(cases).of_row[rows]
    return [
        Fold(fit, score)
        for repeat in range(repeats)
        for fit, score in _stratified(cases, rows, together, FOLDS, seed + repeat)
    ]


@dataclass(frozen=True)
class Blocks:
    """A number per case (rows,), equal for cases that stay on one side, and in words what they have in common."""

    of_row: Indices
    method: str


def blocks(cases: Cases) -> Blocks:
    """Return which cases stay together outside of time: exact duplicates, and under a grouped split whole groups.

    Groups that share a duplicate are one block, unless that chains more than a fifth of all cases together: then
    equal cases are no copies but common ones, and only the groups count.
    """
    duplicates = cases.groups
    if cases.use_case.split is not Split.GROUPED:
        return Blocks(duplicates, "stratified: a fifth is untouched; duplicates stay together")
    name, groups = cases.use_case.group, _groups(cases)
    if groups is None:
        return Blocks(duplicates, f"stratified, as no case has a {name}: a fifth is untouched")
    joined = _joined(groups, duplicates)
    if np.bincount(joined).max() > HELD_OUT * cases.rows:
        return Blocks(
            groups, f"by {name}: a fifth is untouched; whole groups stay together, duplicates may not"
        )
    return Blocks(joined, f"by {name}: a fifth is untouched; whole groups and duplicates stay together")


def _plan(cases: Cases, seed: int) -> Plan:
    everything = np.arange(cases.rows, dtype=np.intp)
    times = cases.times
    if cases.use_case.split is Split.TIME and times is not None:
        since = np.quantile(times, 1 - HELD_OUT, method="higher")
        return Plan(
            everything[times < since], everything[times >= since], "by time: the latest fifth is untouched"
        )
    together = blocks(cases)
    development, untouched = _stratified(cases, everything, together.of_row, round(1 / HELD_OUT), seed)[0]
    return Plan(development, untouched, together.method)


def _groups(cases: Cases) -> Indices | None:
    """Return a number per case (rows,), its own where the group is not known; None where none is known."""
    name = cases.use_case.group
    if name is None or name not in cases.table.column_names:
        return None
    codes = cases.table.column(name).combine_chunks().dictionary_encode().indices
    known = codes.is_valid().to_numpy(zero_copy_only=False)
    if not known.any():
        return None
    own = np.arange(cases.rows) + cases.rows
    return np.where(known, codes.fill_null(0).to_numpy(zero_copy_only=False), own).astype(np.intp)


def _joined(groups: Indices, duplicates: Indices) -> Indices:
    """Return the connected components (rows,) of cases that share a group or are duplicates."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    group, first = (np.unique(item, return_inverse=True)[1] for item in (groups, duplicates))
    size = int(group.max()) + int(first.max()) + 2
    edges = coo_array((np.ones(len(group)), (group, first + group.max() + 1)), shape=(size, size))
    component: Indices = connected_components(edges, directed=False)[1][group].astype(np.intp)
    return component


def _stratified(
    cases: Cases, rows: Indices, together: Indices, folds: int, seed: int
) -> list[tuple[Indices, Indices]]:
    outcomes, block = cases.outcomes[rows], np.unique(together, return_inverse=True)[1]
    holding = [len(np.unique(block[outcomes == outcome])) for outcome in (0, 1)]
    folds = min(folds, *holding)
    if folds < 2:
        raise UnreadableInput(
            f"{cases.source}: training needs at least two distinct {_unit(cases)} of each outcome"
        )
    held_rows = (np.isin(block, held) for held in _held_blocks(block, outcomes, folds, seed))
    found = [(rows[~held], rows[held]) for held in held_rows]
    if any(len(np.unique(cases.outcomes[fit])) < 2 for fit, _ in found):
        raise UnreadableInput(f"{cases.source}: too few {_unit(cases)} of each outcome to cross-validate")
    return found


def _unit(cases: Cases) -> str:
    return "cases" if cases.use_case.group is None else f"groups by {cases.use_case.group}"


def _held_blocks(block: Indices, outcomes: Outcomes, folds: int, seed: int) -> list[Indices]:
    """Return the blocks of each fold; mixed blocks are placed one by one where they even out the bad rate best."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    bad, size = np.bincount(block, weights=outcomes), np.bincount(block)
    if size.max() == 1 or len(size) > BLOCKS_TO_PLACE:
        plain = StratifiedKFold(folds, shuffle=True, random_state=seed)
        # Where next to every block holds a bad case there is nothing to stratify by.
        label = (bad > 0) & (np.count_nonzero(bad == 0) >= folds)
        return [held for _, held in plain.split(np.zeros(len(size)), label)]
    placed = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return [np.unique(block[held]) for _, held in placed.split(np.zeros(len(block)), outcomes, block)]


def _expanding(cases: Cases, rows: Indices, times: np.ndarray) -> list[Fold]:
    shares = FIRST_FIT + (1 - FIRST_FIT) * np.arange(FOLDS) / FOLDS
    edges = [*np.quantile(times, shares, method="higher"), np.inf]
    parts = [(times < since, (times >= since) & (times < until)) for since, until in pairwise(edges)]
    # Cases of one time stay together, so where times are few a part may have no row.
    folds = [Fold(rows[fit], rows[score]) for fit, score in parts if fit.any() and score.any()]
    if len(folds) < 2:
        raise UnreadableInput(
            f"{cases.source}: the {len(rows)} cases to cross-validate have {len(np.unique(times))} distinct times, "
            "too few for two folds in time: give finer times, or declare another split"
        )
    if len(np.unique(cases.outcomes[folds[0].fit])) < 2:
        raise UnreadableInput(f"{cases.source}: the first third of the time holds cases of one outcome only")
    return folds
