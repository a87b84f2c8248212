"""Who may become champion: the gates of a version, those against the present champion among them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from service.errors import AvalError, ModelRefused
from service.model_store import Champion, find_champion, load_scorer, with_policy
from service.scoring.errors import BundleInvalid
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid
from service.settings import Settings
from training.comparison import Comparison, compare_with_champion, rows_seen
from training.data import Cases
from training.gates import GateResult, relative_gates
from training.latency import decision_microseconds
from training.past_scores import fingerprint_of, kept_cases
from training.retrain.compared import compare_again
from training.splits import plan_split
from training.use_case import Requirements, UseCase

LOG = logging.getLogger(__name__)

TIMED_RECORDS = 40
AGAINST_CHAMPION = ("G-CHAMPION-COST", "G-CHAMPION-LOSS")
# What evidence, snapshot or recipe of another release, or by another contract, may lead to.
NOT_COMPARABLE = (AvalError, BundleInvalid, KeyError, ValueError, TypeError)


def judge_gates(
    scorer: Scorer, use_case: UseCase, settings: Settings, cases: Cases | None
) -> list[dict[str, Any]]:
    """Return every gate's result for a trained bundle, as JSON data.

    The absolute ones stand in its hashed evidence. Those against the champion, each with its tag (or None) as
    `against`, and of latency are found here: `cases` are the data that it was trained on, None to take the snapshot
    that training kept. Raises `ModelRefused` for a bundle of an earlier release, whose evidence holds no gates.
    """
    requirements, absolute = _judged_in_training(scorer)
    pointer = find_champion(scorer.contract.use_case, settings.bentoml_home)
    against = None if pointer is None or pointer.model == scorer.tag else pointer.model
    comparison = None
    if pointer is not None and against is not None:
        comparison = _compare(cases, use_case, scorer, pointer, settings)
    relative = relative_gates(
        requirements,
        comparison.to_json() if comparison else None,
        _latency(scorer, use_case),
        against,
        use_case.costs.currency,
    )
    return [*absolute, *(_to_json(gate, against) for gate in relative)]


def _judged_in_training(scorer: Scorer) -> tuple[Requirements, list[dict[str, Any]]]:
    try:
        return Requirements(**scorer.evidence["requirements"]), list(scorer.evidence["gates"])
    except (KeyError, TypeError):
        raise ModelRefused(f"{scorer.tag} was trained by an earlier release; train again") from None


def _compare(
    given: Cases | None, use_case: UseCase, challenger: Scorer, pointer: Champion, settings: Settings
) -> Comparison | None:
    """Compare with the champion, policy in use and all; None where the two have no rows that both can be judged on."""
    try:
        champion = load_scorer(pointer.model, settings.bentoml_home)
        champion = with_policy(champion, pointer.policy, settings.bentoml_home)
        if again := compare_again(challenger, champion, use_case, settings.home):
            return again
        cases = given or kept_cases(use_case, challenger, settings.home)
        plan = plan_split(cases, challenger.evidence["data"]["seed"])
        earlier = _earlier(cases, champion, settings)
        seen = None if earlier is None else rows_seen(cases, earlier)
        return compare_with_champion(cases, plan, challenger, champion, seen)
    except NOT_COMPARABLE as error:
        # By its kind alone: what an error says may name values.
        LOG.warning(
            "%s could not be compared with %s: %s", challenger.tag, pointer.model, type(error).__name__
        )
        return None


def _earlier(cases: Cases, champion: Scorer, settings: Settings) -> Cases | None:
    """Return the champion's own cases; None where they are these very cases, or are not to be had."""
    if fingerprint_of(champion) == cases.fingerprint:
        return None
    try:
        return kept_cases(cases.use_case, champion, settings.home)
    except (AvalError, ValueError):
        # A ValueError where the declaration no longer goes with the champion's contract.
        return None


def _latency(scorer: Scorer, use_case: UseCase) -> float | None:
    """Return the median time of a decision in µs, None where the contract refuses every generated record."""
    records = list(_records(scorer, use_case))
    return decision_microseconds(scorer, records) if records else None


def _records(scorer: Scorer, use_case: UseCase) -> Iterator[Mapping[str, Any]]:
    columns = [column.name for column in scorer.contract.columns]
    table = use_case.sample(TIMED_RECORDS, seed=1).reindex(columns=columns).astype(object)
    for row in table.where(table.notna(), None).to_dict("records"):
        record = {str(name): value for name, value in row.items()}
        try:
            scorer.validator.check_record(record)
        except RecordInvalid:
            continue
        yield record


def _to_json(gate: GateResult, against: str | None) -> dict[str, Any]:
    said = gate.to_json()
    return {**said, "against": against} if gate.code in AGAINST_CHAMPION else said
