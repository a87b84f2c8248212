"""Matured decisions as past cases: decided long enough ago for their outcome to be known, and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.decision_log.decided import decided
from service.decision_log.segments.store import SegmentStore
from service.scoring.contract import Contract, Role
from service.scoring.policy import DECISIONS
from service.scoring.scorer import Scorer
from training.data import Indices, Outcomes
from training.monitoring.observed import Observed, observe
from training.monitoring.windows import Window
from training.performance.maturity import DAY, NEVER, Population, population, settled_at
from training.performance.told import Told, told
from training.retrain.typed import schema_of, typed, with_outcome
from training.use_case import UseCase

Moments: TypeAlias = npt.NDArray[np.int64]

# Older decisions are not gathered: they say little of who comes now, and a log may hold very many.
HORIZON = 730 * DAY
# No column of a contract is called so.
_ROW = "\0row"


@dataclass(frozen=True)
class Matured:
    """Matured decisions with their outcomes, in the order in which they were decided.

    table: the contract's columns and the outcome in its own coding. bad (rows,): 1 = bad. at (rows,): when they were
    decided, in microseconds since 1970, UTC. judges (rows,): whose outcome is known because it was decided so, and not
    because somebody picked the case. decisions (rows,): positions in `DECISIONS`. population: whom all that matured
    speaks of.
    """

    table: pa.Table
    bad: Outcomes
    at: Moments
    judges: npt.NDArray[np.bool_]
    decisions: npt.NDArray[np.int8]
    population: Population

    @property
    def rows(self) -> int:
        """How many cases these are."""
        return len(self.bad)


@dataclass(frozen=True)
class _Told:
    """What is known of a decision: whether it was bad, and whether it may judge."""

    bad: bool
    judges: bool


def matured_cases(store: SegmentStore, scorer: Scorer, use_case: UseCase, now: int) -> Matured:
    """Return the decisions of a use case that had matured by `now`, and whose outcome had been told by then; of the two
    years up to the latest that can have matured.

    Whom they speak of is as `population` says: cases that somebody picked are not among them, nor those of a week of
    which too few are told, for the bad ones are told first. Declines accepted at
    random are, to learn from, and do not judge, for each of them stands for many. What the scorer or the contract
    cannot read and what was erased is left out. Of decisions on the same record with the same ids one is kept. now:
    microseconds since 1970, UTC.
    """
    contract = use_case.contract
    until = now - round(use_case.monitoring.maturity_days * DAY) + 1
    window = Window(max(0, until - HORIZON), until)
    seen = observe(store, scorer, window)
    outcomes = told(store, use_case.name, seen, now)
    settled = _settled(seen, outcomes, use_case, now)
    everything = np.ones(seen.rows, np.bool_)
    of_whom = population(seen.decisions, everything, outcomes.known, use_case.monitoring, settled)
    known = _known(seen, np.where(settled, outcomes.bad, np.nan), of_whom)
    blocks = list(_blocks(store, contract, window, known))
    bad, judges, decisions, at = (
        np.concatenate([np.empty(0, np.int64), *(block[part] for block in blocks)]) for part in (1, 2, 3, 4)
    )
    empty = with_outcome(schema_of(contract).empty_table(), contract, np.empty(0, np.int8))
    table = pa.concat_tables([empty, *(block[0] for block in blocks)])
    order = np.argsort(at, kind="stable").astype(np.intp)
    order = order[_not_repeated(table.take(pa.array(order)), contract)]
    return Matured(
        table.take(pa.array(order)),
        bad[order].astype(np.int8),
        at[order],
        judges[order].astype(np.bool_),
        decisions[order].astype(np.int8),
        of_whom,
    )


def decisions_in_words(decisions: npt.NDArray[np.int8]) -> str:
    """Return how many of decisions (rows,), positions in `DECISIONS`, are of which kind, such as "90 approve"."""
    counts = np.bincount(decisions, minlength=len(DECISIONS)).tolist()
    return ", ".join(f"{count} {kind}" for kind, count in zip(DECISIONS, counts, strict=True) if count)


def _settled(seen: Observed, outcomes: Told, use_case: UseCase, now: int) -> npt.NDArray[np.bool_]:
    """Return which decisions (rows,) are of a week that is settled at `now`, as `settled_at` says."""
    told_at = np.maximum(seen.at + round(use_case.monitoring.maturity_days * DAY), outcomes.observed_at)
    told_at[~outcomes.known] = NEVER
    found: npt.NDArray[np.bool_] = settled_at(seen.at, seen.decisions, told_at) <= now
    return found


def _known(seen: Observed, bad: npt.NDArray[np.float64], of_whom: Population) -> dict[str, _Told]:
    weights = of_whom.weights_of(seen.decisions)
    rows = np.flatnonzero(~np.isnan(bad) & (weights > 0))
    # Four in all, for there may be a million decisions.
    kinds = {(one, other): _Told(one, other) for one in (False, True) for other in (False, True)}
    pairs = zip((bad[rows] == 1).tolist(), (weights[rows] == 1.0).tolist(), strict=True)
    return {seen.about[row]: kinds[pair] for row, pair in zip(rows.tolist(), pairs, strict=True)}


def _blocks(
    store: SegmentStore, contract: Contract, window: Window, known: Mapping[str, _Told]
) -> Iterator[tuple[pa.Table, Moments, Moments, Moments, Moments]]:
    for block in decided(store, contract, window.span):
        rows = np.array([row for row, about in enumerate(block.about) if about in known], np.intp)
        if not len(rows):
            continue
        table, kept = typed(block, rows, contract)
        said = [known[block.about[row]] for row in kept.tolist()]
        bad = np.array([item.bad for item in said], np.int64)
        judges = np.array([item.judges for item in said], np.int64)
        decisions = block.decisions[kept].astype(np.int64)
        yield with_outcome(table, contract, bad.astype(np.int8)), bad, judges, decisions, block.at[kept]


def _not_repeated(table: pa.Table, contract: Contract) -> Indices:
    """Return the rows (of a table in order) that repeat no earlier one; without any id nobody can tell."""
    named = np.zeros(table.num_rows, np.bool_)
    for column in contract.of_role(Role.ID):
        named |= table.column(column.name).is_valid().to_numpy()
    if not named.any():
        return np.arange(table.num_rows, dtype=np.intp)
    numbered = table.append_column(_ROW, pa.array(np.arange(table.num_rows)))
    first = numbered.group_by(table.column_names, use_threads=False).aggregate([(_ROW, "min")])
    repeats = np.ones(table.num_rows, np.bool_)
    repeats[first.column(f"{_ROW}_min").to_numpy()] = False
    return np.flatnonzero(~(repeats & named)).astype(np.intp)
