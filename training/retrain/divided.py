"""Matured cases divided into those to learn from and the latest, which judge champion and challenger alike."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from service.errors import AvalError
from service.scoring.contract import Role
from service.scoring.scorer import Scorer
from training.data import Cases, Indices, cases_of_table
from training.past_scores import kept_cases
from training.retrain.ending import NothingYet
from training.retrain.matured import Matured, decisions_in_words
from training.retrain.typed import as_typed, without_ids
from training.use_case import UseCase

HELD_OUT = 0.3
LEAST_HELD_OUT = 100
# Of either outcome: with fewer a mean cost says next to nothing.
LEAST_OF_AN_OUTCOME = 10
SOURCE = "matured decisions"


@dataclass(frozen=True)
class Since:
    """From when on cases count: what was decided before has judged already, or may have been learnt from.

    judged: up to when the cases that ever judged were decided. promoted: when the champion was made one. changed: when
    the probabilities began to be wrong; older cases tell a calibrator nothing. In microseconds since 1970, UTC.
    """

    judged: int
    promoted: int
    changed: int = 0


@dataclass(frozen=True)
class Divided:
    """What to learn from, and what to judge by: the latest matured cases, which neither model has seen.

    latest: the matured cases that the champion did not learn from and that do not judge. history: what the champion
    learnt from, None where that was not kept or cannot be read by the present contract; `note` says so.
    judged_since, judged_until: when the first judging case was decided, and just after the last, in microseconds since
    1970, UTC. latest_of, held_out_of: how these cases had been decided, in words. No case has an id.
    """

    latest: Cases
    held_out: Cases
    history: Cases | None
    note: str
    judged_since: int
    judged_until: int
    latest_of: str
    held_out_of: str

    def to_learn_from(self) -> Cases:
        """Return the kept history with the latest cases behind it; of equal cases in both, one is kept."""
        if self.history is None:
            return self.latest
        use_case = self.latest.use_case
        table = pa.concat_tables([as_typed(part) for part in (self.history, self.latest)])
        named = without_ids(table, use_case)
        found = cases_of_table(use_case, named, text=False, source=f"kept history and {SOURCE}")
        return replace(found, generated=self.history.generated)


def divide(found: Matured, use_case: UseCase, champion: Scorer, home: Path, since: Since) -> Divided:
    """Divide matured cases; the judging ones are the latest 30 %, at least 100, with at least ten of each outcome.

    No case judges twice, whatever became of the story that it judged in, so that every comparison has its own rate of
    error. Raises `NothingYet` where there are too few cases.
    """
    _expect_both(found.bad, "matured decisions with an outcome")
    history, note = _history(use_case, champion, home)
    table = without_ids(_with_times(found, use_case, history), use_case)
    every = cases_of_table(use_case, table, text=False, source=SOURCE)
    unseen = _unseen(every, history)
    unseen = unseen[found.at[unseen] >= since.changed]
    # Without the history only time tells what the champion cannot have learnt from.
    after = since.judged if history is not None else max(since.judged, since.promoted)
    held = _held_out(found, unseen, after)
    latest = np.setdiff1d(unseen, held)
    # Nothing is learnt of the time that judges. Those of one batch run were all decided at once.
    latest = latest[found.at[latest] <= found.at[held[0]]]
    _expect_both(found.bad[latest], "matured decisions left to learn from")
    return Divided(
        _take(every, latest),
        _take(every, held),
        history,
        note,
        int(found.at[held[0]]),
        int(found.at[held[-1]]) + 1,
        decisions_in_words(found.decisions[latest]),
        decisions_in_words(found.decisions[held]),
    )


def _history(use_case: UseCase, champion: Scorer, home: Path) -> tuple[Cases | None, str]:
    """Return what the champion learnt from, by the present contract; None with the reason where it cannot be had."""
    if champion.evidence["data"].get("population_bad_rate") is not None:
        # Decisions are the population; the history was drawn from it by outcome, and the two do not mix.
        return None, "learnt from decisions alone: the history was drawn by outcome, and decisions were not"
    try:
        kept = kept_cases(use_case, champion, home)
        known = {*use_case.contract.by_name, use_case.contract.outcome.name}
        table = kept.table.select([name for name in kept.table.column_names if name in known])
        found = cases_of_table(use_case, table, text=False, source=kept.source)
        return replace(found, generated=kept.generated), ""
    except (AvalError, ValueError) as error:
        return None, f"learnt from decisions alone: {error}"


def _with_times(found: Matured, use_case: UseCase, history: Cases | None) -> pa.Table:
    """Return the cases; where others have a time, one without takes the time at which it was decided."""
    times = use_case.contract.of_role(Role.TIME)
    if not times or (history is not None and history.times is None):
        return found.table
    cells = found.table.column(times[0].name)
    if history is None and cells.null_count == len(cells):
        return found.table
    decided = pa.array(found.at // 1_000_000, pa.timestamp("s")).cast(pa.string())
    filled = pc.if_else(cells.is_valid(), cells, decided)
    return found.table.set_column(found.table.column_names.index(times[0].name), times[0].name, filled)


def _unseen(every: Cases, history: Cases | None) -> Indices:
    """Return the rows that are not in the history: of equal ones, as many as there are more of than there."""
    if history is None:
        return np.arange(every.rows, dtype=np.intp)
    left, unseen = Counter(_keys(history)), []
    for row, key in enumerate(_keys(every)):
        if left[key]:
            left[key] -= 1
        else:
            unseen.append(row)
    return np.array(unseen, np.intp)


def _keys(cases: Cases) -> list[bytes]:
    """Return the features and the outcome of each case; all else may have been erased since, as personal data are."""
    features = [cases.values[column.name] for column in cases.use_case.contract.features]
    table = np.column_stack([*features, cases.outcomes]).astype(np.float64)
    return [row.tobytes() for row in np.where(np.isnan(table), np.nan, table)]


def _held_out(found: Matured, unseen: Indices, after: int) -> Indices:
    fresh = unseen[(found.at[unseen] >= after) & found.judges[unseen]]
    rows = min(max(LEAST_HELD_OUT, math.ceil(HELD_OUT * len(unseen))), len(fresh))
    # From the latest on: how many rows hold enough of the rarer outcome.
    bad = np.cumsum(found.bad[fresh][::-1])
    rarer = np.minimum(bad, np.arange(1, len(fresh) + 1) - bad)
    enough = int(np.searchsorted(rarer, LEAST_OF_AN_OUTCOME)) + 1
    rows = max(rows, enough)
    if rows < LEAST_HELD_OUT or rows > len(fresh) or rows > len(unseen) // 2:
        raise NothingYet(
            f"{len(unseen)} matured decisions with an outcome are new to the champion, {len(fresh)} of them "
            f"({int(found.bad[fresh].sum())} bad) may still judge; at least {LEAST_HELD_OUT} to judge by, "
            f"{LEAST_OF_AN_OUTCOME} of each outcome among them, and as many again to learn from are needed; "
            "tell more outcomes (aval outcomes), or wait until more have matured"
        )
    return fresh[-rows:]


def _expect_both(bad: np.ndarray, what: str) -> None:
    counts = np.bincount(bad, minlength=2)
    if not counts.all():
        raise NothingYet(
            f"{counts.sum()} {what}, {counts[1]} of them bad; good and bad ones are needed; "
            "tell more outcomes (aval outcomes), or wait until more have matured"
        )


def _take(cases: Cases, rows: Indices) -> Cases:
    table = cases.table.take(pa.array(rows))
    return cases_of_table(cases.use_case, table, text=False, source=cases.source)
