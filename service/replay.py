"""Replay: logged decisions, made once more with the bundle and the policy of their time, and compared bit for bit."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from service.decision_log.entries import Part
from service.decision_log.reading import Logged
from service.errors import AvalError
from service.scoring.policy import DECISIONS, Costs, Decision, Policy
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid

MOST_LISTED = 1_000
STEP = 1_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that came out otherwise, or was refused, than it was logged."""

    decision_id: str
    model: str
    policy: str
    what: str
    logged: Any
    replayed: Any


@dataclass(slots=True)
class Replayed:
    """What a replay came to; `listed` holds the first thousand differences.

    erased: decisions whose record is gone. unavailable: decisions by what of their time could not be loaded, and why.
    """

    decisions: int = 0
    same: int = 0
    different: int = 0
    erased: int = 0
    unavailable: Counter[str] = field(default_factory=Counter)
    listed: list[Difference] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether all that could be replayed came out as logged; not where decisions were there and none could be."""
        return self.different == 0 and (self.same > 0 or self.decisions == 0)


@dataclass(slots=True)
class Redecided:
    """What another policy would have decided: counts by logged and new decision, and expected costs.

    costs: of all decisions together as logged and as they would be, in the costs' currency; None where cases are
    referred and the costs state no price of a review.
    """

    counts: dict[str, dict[str, int]]
    cost_before: float | None = 0.0
    cost_after: float | None = 0.0

    @property
    def decisions(self) -> int:
        """How many decisions were looked at."""
        return sum(sum(row.values()) for row in self.counts.values())

    @property
    def changed(self) -> int:
        """How many would have been others."""
        return self.decisions - sum(self.counts[name][name] for name in self.counts)


# Returns the scorer of a tag with the policy of a version, or raises an `AvalError`.
Loader = Callable[[str, str], Scorer]


def stored_scorers(bentoml_home: Path) -> Loader:
    """Return a loader from the model store and the policies beside it; each bundle is loaded and verified once."""
    from service.model_store import load_scorer, with_policy

    bundles = cache(lambda tag: load_scorer(tag, bentoml_home))
    return lambda tag, policy: with_policy(bundles(tag), policy, bentoml_home)


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
    found: dict[tuple[str, str], _Loaded] = {}
    for logged in decisions:
        key = logged.row.model, logged.row.policy
        if key not in found:
            found[key] = _loaded(load, *key)
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
    done = Redecided({str(old): {str(new): 0 for new in DECISIONS} for old in DECISIONS})
    for count, logged in enumerate(decisions, start=1):
        row = logged.row
        old, new = str(row.decision), str(policy.decide(float(row.probability or 0.0)))
        done.counts[old][new] += 1
        done.cost_before = _plus(done.cost_before, _cost(old, row.probability, costs))
        done.cost_after = _plus(done.cost_after, _cost(new, row.probability, costs))
        if old != new:
            each(Difference(row.about, row.model, policy.version, "decision", old, new))
        if count % STEP == 0:
            progress(count)
    return done


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A scorer and the parts of a record that it needs, or why there is none."""

    scorer: Scorer | None
    needs: frozenset[Part] = frozenset()
    why_not: str = ""


def _loaded(load: Loader, model: str, policy: str) -> _Loaded:
    try:
        scorer = load(model, policy)
    except AvalError as error:
        return _Loaded(None, why_not=str(error))
    # A time makes inputs of the model; ids and protected columns never do.
    features = {column.name for column in scorer.contract.features}
    derived = {name for item in scorer.contract.derived for name in item.of}
    return _Loaded(scorer, frozenset(Part) if derived - features else frozenset({Part.INPUTS}))


def _replay_one(
    done: Replayed, logged: Logged, loaded: _Loaded, reasons: bool, each: Callable[[Difference], None]
) -> None:
    done.decisions += 1
    if loaded.scorer is None:
        done.unavailable[loaded.why_not] += 1
    elif loaded.needs.intersection(logged.erased):
        done.erased += 1
    elif found := _difference(logged, loaded.scorer, reasons):
        done.different += 1
        if len(done.listed) < MOST_LISTED:
            done.listed.append(found)
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


def _plus(total: float | None, cost: float | None) -> float | None:
    return None if total is None or cost is None else total + cost


def _cost(decision: str, probability: float | None, costs: Costs) -> float | None:
    p = probability or 0.0
    by_decision = {
        Decision.APPROVE: p * costs.false_approve,
        Decision.REFER: costs.review,
        Decision.DECLINE: (1 - p) * costs.false_decline,
    }
    return by_decision[Decision(decision)]
