"""Two bundles compared on the latest matured cases, which neither of them has seen."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from service.errors import UnreadableInput
from service.scoring.arithmetic import FloatArray
from service.scoring.scorer import Scorer
from service.scoring.validation import TableInvalid
from training.comparison import Comparison
from training.data import Cases, Outcomes, read_cases
from training.intervals import mean_with_interval
from training.retrain.divided import LEAST_HELD_OUT, LEAST_OF_AN_OUTCOME
from training.retrain.rule import Side, Verdict, both_differences, verdict
from training.use_case import Objective, UseCase

HOW = "both bundles, decided by the policy in use, on the latest matured cases, which neither has seen"


@dataclass(frozen=True)
class Compared:
    """The verdict of the rule of promotion, and the same differences with two-sided 95 % intervals, for the gates."""

    verdict: Verdict
    comparison: Comparison


def compare(challenger: Scorer, champion: Scorer, held_out: Cases, level: float) -> Compared | None:
    """Compare two bundles, both with the policy in use, which is the champion's; `level` is the rule's.

    It is models that are compared: another policy is a decision of its own. None if the champion can score too few of
    the cases.
    """
    theirs = _scores(champion, held_out)
    usable = ~np.isnan(theirs)
    outcomes, use_case = held_out.outcomes[usable], held_out.use_case
    if not _are_enough(outcomes):
        return None
    ours = Side(challenger.score_matrix(held_out.matrix[usable]), champion.policy)
    other = Side(theirs[usable], champion.policy)
    differences = both_differences(ours, other, use_case.costs)
    cost, loss = (
        mean_with_interval(differences[name].observed(outcomes))
        for name in (Objective.COST, Objective.LOG_LOSS)
    )
    return Compared(
        verdict(outcomes, ours, other, use_case.costs, use_case.objective, level),
        Comparison(champion.tag, len(outcomes), HOW, *cost, *loss),
    )


def too_few_scored(champion: Scorer, held_out: Cases) -> str:
    """Return in words how many of the cases the champion can score, and how many are needed to compare."""
    outcomes = held_out.outcomes[~np.isnan(_scores(champion, held_out))]
    return (
        f"not compared: the champion can score {len(outcomes)} of {held_out.rows} judging cases "
        f"({int(outcomes.sum())} bad), and at least {LEAST_HELD_OUT} with {LEAST_OF_AN_OUTCOME} of each outcome "
        "are needed"
    )


def compare_again(challenger: Scorer, champion: Scorer, use_case: UseCase, home: Path) -> Comparison | None:
    """Compare a retrained bundle with the champion that it was made to replace, on the cases that its story held out.

    None for a bundle of no such story, for another champion, and where the cases are not kept any more.
    """
    said: Mapping[str, Any] = challenger.evidence.get("retraining") or {}
    if said.get("champion") != champion.tag:
        return None
    fingerprint = said["materials"]["held_out"]["fingerprint"]
    try:
        cases = read_cases(use_case, home / "data" / f"{fingerprint}.parquet")
    except UnreadableInput:
        return None
    if cases.fingerprint != fingerprint:
        return None
    found = compare(challenger, champion, cases, said["level"])
    return None if found is None else found.comparison


def _are_enough(outcomes: Outcomes) -> bool:
    return len(outcomes) >= LEAST_HELD_OUT and np.bincount(outcomes, minlength=2).min() >= LEAST_OF_AN_OUTCOME


def _scores(champion: Scorer, cases: Cases) -> FloatArray:
    """Return the champion's P(bad) (rows,), NaN where its own contract cannot take the case."""
    known = [column.name for column in champion.contract.columns if column.name in cases.table.column_names]
    with suppress(TableInvalid, pa.ArrowException):
        return champion.score_table(cases.table.select(known)).probabilities
    return np.full(cases.rows, np.nan)
