"""What a model would gain from the protected attributes that it does without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Column, Contract, Role
from service.scoring.encoder import Encoder
from service.scoring.language import Language
from service.scoring.reasons import ReasonText
from training.candidates import Candidate
from training.data import Cases
from training.intervals import mean_with_interval
from training.losses import log_losses
from training.out_of_fold import OutOfFold, score_out_of_fold
from training.ranking import Order
from training.recipe import candidate_of
from training.splits import Fold, Plan, make_folds


def what_protected_would_add(
    without: OutOfFold, recipe: Mapping[str, Any], plan: Plan, seed: int
) -> dict[str, dict[str, Any]]:
    """Return per protected attribute the change in AUC and log loss, out of fold, if it were an input too.

    without: the development rows as the chosen candidate scores them; recipe: what it is. The same candidate scores
    them again on the same folds, the first round of them; `interval` is the 95 % interval of the paired change in
    log loss per row. Nothing of it is shipped.
    """
    cases = without.cases
    folds = _first_round(make_folds(cases, plan.development, seed))
    first = replace(without, raw_scores=without.raw_scores[:1])
    found = {}
    for column in cases.use_case.contract.of_role(Role.PROTECTED):
        if not np.isnan(cases.values[column.name]).all():
            wider = _with(cases, column)
            candidate = _candidate(recipe, column.name, wider.use_case.contract.inputs)
            found[column.name] = _change(first, score_out_of_fold(candidate, wider, folds, seed))
    return found


def _candidate(recipe: Mapping[str, Any], more: str, inputs: Sequence[str]) -> Candidate:
    # One that was fitted on some of the inputs sees the attribute beside those, wherever it stands.
    kept = recipe["inputs"]
    return candidate_of({**recipe, "inputs": None if kept is None else [*kept, more]}, inputs)


def _first_round(folds: Sequence[Fold]) -> list[Fold]:
    """Return the folds up to the first one that scores rows again."""
    found: list[Fold] = []
    for fold in folds:
        if any(np.isin(fold.score, earlier.score).any() for earlier in found):
            break
        found.append(fold)
    return found


def _with(cases: Cases, column: Column) -> Cases:
    """Return the same cases with a protected column among the inputs."""
    use_case = cases.use_case
    feature = column.model_copy(update={"role": Role.FEATURE})
    columns = tuple(feature if item is column else item for item in use_case.contract.columns)
    contract = use_case.contract.model_copy(update={"columns": columns})
    # A copy made by pydantic keeps what was derived from the old columns.
    contract = Contract.model_validate(contract.model_dump())
    reasons = {**use_case.reasons, column.name: _reason(column, contract.language)}
    wider = replace(use_case, contract=contract, reasons=reasons)
    return replace(cases, use_case=wider, matrix=Encoder(contract).encode_table(cases.values))


def _reason(column: Column, language: Language) -> ReasonText:
    return ReasonText("PROTECTED", column.name, "" if language == "en" else column.name)


def _change(without: OutOfFold, with_it: OutOfFold) -> dict[str, Any]:
    before, after = without.probabilities[0], with_it.probabilities[0]
    change = log_losses(with_it.outcomes, after) - log_losses(without.outcomes, before)
    weights = np.ones(len(change)) if without.weights is None else without.weights
    mean, interval = mean_with_interval(change * weights)
    return {
        "roc_auc": _auc(with_it, after) - _auc(without, before),
        "log_loss": mean,
        "interval": list(interval),
    }


def _auc(out: OutOfFold, probabilities: FloatArray) -> float:
    return Order(probabilities).ranking(out.outcomes, np.ones(len(probabilities))).roc_auc
