"""Decisions that have entries of their own in the log, made once more."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from service.decision_log.reading import Logged
from service.replay.loading import Loaded, Loader, loaded
from service.replay.results import Difference, Redecided, Replayed, plus
from service.scoring.policy import Costs, Decision, Policy
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid

STEP = 1_000


def replay(
    decisions: Iterable[Logged],
    load: Loader,
    *,
    reasons: bool = True,
    each: Callable[[Difference], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Score every logged decision's record again and compare probability, decision and reasons.

    Probabilities are compared as bits. `each` is told every difference, `progress` now and then how many decisions
    were replayed. Without `reasons` these are not compared.
    """
    done = Replayed()
    found: dict[tuple[str, str], Loaded] = {}
    for logged in decisions:
        key = logged.row.model, logged.row.policy
        if key not in found:
            found[key] = loaded(load, *key)
        _replay_one(done, logged, found[key], reasons, each)
        if done.decisions % STEP == 0:
            progress(done.decisions)
    return done


def redecide(
    decisions: Iterable[Logged],
    policy: Policy,
    costs: Costs,
    *,
    each: Callable[[Difference], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Redecided:
    """Return what a policy would have decided on the logged probabilities; no record and no bundle is needed."""
    done = Redecided.nothing()
    for count, logged in enumerate(decisions, start=1):
        row = logged.row
        old, new = str(row.decision), str(policy.decide(float(row.probability or 0.0)))
        done.counts[old][new] += 1
        done.cost_before = plus(done.cost_before, _cost(old, row.probability, costs))
        done.cost_after = plus(done.cost_after, _cost(new, row.probability, costs))
        if old != new:
            each(Difference(row.about, row.model, policy.version, "decision", old, new))
        if count % STEP == 0:
            progress(count)
    return done


def _replay_one(
    done: Replayed, logged: Logged, by: Loaded, reasons: bool, each: Callable[[Difference], None]
) -> None:
    done.decisions += 1
    if by.scorer is None:
        done.unavailable[by.why_not] += 1
    elif by.needs.intersection(logged.erased):
        done.erased += 1
    elif found := _difference(logged, by.scorer, reasons):
        done.add(found)
        each(found)
    else:
        done.same += 1


def _difference(logged: Logged, scorer: Scorer, reasons: bool) -> Difference | None:
    """Return the first thing in which a decision comes out otherwise, None where nothing does."""
    row, told = logged.row, logged.details
    if scorer.contract.version != row.contract:
        return _differs(logged, "contract", row.contract, scorer.contract.version)
    try:
        scored = scorer.score({**(logged.inputs or {}), **(logged.personal or {})})
    except RecordInvalid as error:
        return _differs(logged, "record", "accepted", f"refused: {error}")
    if row.probability is None or _bits(row.probability) != _bits(scored.probability):
        return _differs(logged, "probability", row.probability, scored.probability)
    if row.decision != scored.decision:
        return _differs(logged, "decision", row.decision, str(scored.decision))
    given = [[item.code, item.feature] for item in scored.reasons]
    if reasons and told.get("reasons") != given:
        return _differs(logged, "reasons", told.get("reasons"), given)
    return None


def _differs(logged: Logged, what: str, before: Any, after: Any) -> Difference:
    row = logged.row
    return Difference(row.about, row.model, row.policy, what, before, after)


def _bits(probability: float) -> bytes:
    # The log keeps no sign of zero.
    return struct.pack(">d", probability + 0.0)


def _cost(decision: str, probability: float | None, costs: Costs) -> float | None:
    p = probability or 0.0
    by_decision = {
        Decision.APPROVE: p * costs.false_approve,
        Decision.REFER: costs.review,
        Decision.DECLINE: (1 - p) * costs.false_decline,
    }
    return by_decision[Decision(decision)]
