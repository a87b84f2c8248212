"""What to do about a model: wait, recalibrate it, retrain it, or have a person look, and what that rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from training.performance.performance import Performance


class Action(StrEnum):
    """What can be done."""

    WAIT = "wait"
    RECALIBRATE = "recalibrate"
    RETRAIN = "retrain"
    PERSON = "person"


@dataclass(frozen=True)
class Advice:
    """What to do, why in sentences, and the figures that it rests on."""

    action: Action
    because: tuple[str, ...]
    figures: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"action": str(self.action), "because": list(self.because), "figures": dict(self.figures)}


# A column so far from the reference, or records so easily told from it, are of a population the model never saw.
_OTHER_COLUMN, _OTHER_RECORDS = 1.0, 0.95


@dataclass(frozen=True)
class _Facts:
    """What the advice depends on."""

    performance: Performance
    drifted: tuple[str, ...]
    elsewhere: tuple[str, ...]

    @property
    def measured(self) -> bool:
        return self.performance.mature.too_few is None

    @property
    def changed(self) -> tuple[str, ...]:
        return tuple(item.column for item in self.performance.relations if item.changed)


def advise(drift: Mapping[str, Any] | None, performance: Performance) -> Advice:
    """Return what to do, from a drift report as JSON data (None without one) and the model's performance.

    Probabilities that are wrong while the ranking holds are recalibrated, for no order of cases changes; a worse
    ranking, or inputs that mean something else than they did, call for retraining. Drift alone is no fault while the
    performance holds. After an alarm that too few outcomes explain, or that they contradict, a person looks.
    """
    facts = _Facts(performance, *_drifted(drift or {}))
    action, because = next((rule.action, rule.because(facts)) for rule in _RULES if rule.applies(facts))
    return Advice(action, because, _figures(facts))


@dataclass(frozen=True)
class _Rule:
    """An action, when it is the right one, and why."""

    action: Action
    applies: Callable[[_Facts], bool]
    because: Callable[[_Facts], tuple[str, ...]]


def _alarmed(facts: _Facts) -> bool:
    return facts.performance.alarm.raised


def _worse(facts: _Facts) -> bool:
    return facts.performance.ranking.verdict == "worse"


def _alarm_words(facts: _Facts) -> str:
    alarm = facts.performance.alarm
    return (
        f"probabilities are {alarm.direction}, since about {alarm.since}: evidence {alarm.most:.3g}, "
        f"of which {1 / alarm.alpha:.3g} is an alarm"
    )


def _ranking_words(facts: _Facts) -> str:
    ranking = facts.performance.ranking
    if ranking.now is None:
        return "how well it ranks cannot be told"
    low, high = ranking.now.interval
    beside = "; ".join(f"{item.before.value:.3f} on {item.source}" for item in ranking.compared)
    return (
        f"AUC {ranking.now.value:.3f} ({low:.3f} to {high:.3f}) beside {beside or 'nothing to compare with'}"
    )


def _relation_words(facts: _Facts) -> str:
    if not facts.changed:
        return "no input says more than the score about outcomes"
    return f"what outcomes have to do with {', '.join(facts.changed)} has changed"


def _drift_words(facts: _Facts) -> str:
    return (
        f"records have drifted in {', '.join(facts.drifted)}" if facts.drifted else "records have not drifted"
    )


def _too_few_words(facts: _Facts) -> str:
    return f"outcomes that count are {facts.performance.mature.too_few or 'enough'}"


_RULES = (
    _Rule(
        Action.PERSON,
        lambda facts: not facts.measured and _alarmed(facts),
        lambda facts: (_alarm_words(facts), _too_few_words(facts)),
    ),
    _Rule(
        Action.PERSON,
        lambda facts: not facts.measured and bool(facts.elsewhere),
        lambda facts: (
            f"{', '.join(facts.elsewhere)} are of a population that the model has not seen",
            _too_few_words(facts),
        ),
    ),
    _Rule(
        Action.WAIT,
        lambda facts: not facts.measured,
        lambda facts: (_drift_words(facts), _too_few_words(facts)),
    ),
    _Rule(
        Action.RETRAIN,
        lambda facts: _alarmed(facts) and (_worse(facts) or bool(facts.changed)),
        lambda facts: (_alarm_words(facts), _ranking_words(facts), _relation_words(facts)),
    ),
    _Rule(
        Action.RECALIBRATE,
        lambda facts: _alarmed(facts) and facts.performance.ranking.verdict == "intact",
        lambda facts: (_alarm_words(facts), _ranking_words(facts), _relation_words(facts)),
    ),
    _Rule(
        Action.PERSON,
        _alarmed,
        lambda facts: (_alarm_words(facts), f"{_ranking_words(facts)}: too uncertain to say more"),
    ),
    _Rule(
        Action.RETRAIN,
        lambda facts: facts.performance.ranking.alarm,
        lambda facts: (_ranking_words(facts), _relation_words(facts)),
    ),
    _Rule(
        Action.RETRAIN,
        lambda facts: bool(facts.elsewhere),
        lambda facts: (
            f"{', '.join(facts.elsewhere)} are of a population that the model has not seen",
            _ranking_words(facts),
        ),
    ),
    _Rule(
        Action.WAIT,
        lambda facts: True,
        lambda facts: (_drift_words(facts), "no alarm on the probabilities", _ranking_words(facts)),
    ),
)


def _drifted(drift: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the columns with an alarm, and what of the report speaks of a population that is another one."""
    alarmed = [column for column in drift.get("columns", ()) if column.get("status") == "alarm"]
    elsewhere = [str(column["name"]) for column in alarmed if (column.get("csi") or 0.0) >= _OTHER_COLUMN]
    domain = drift.get("domain") or {}
    if alarmed and (domain.get("auc") or 0.0) >= _OTHER_RECORDS:
        elsewhere.append("records as a whole")
    return tuple(str(column["name"]) for column in alarmed), tuple(elsewhere)


def _figures(facts: _Facts) -> dict[str, Any]:
    performance = facts.performance
    found = performance.to_json()
    return {
        "population": performance.population.text,
        "from": found["from"],
        "until": found["until"],
        "rows": performance.mature.rows,
        "bad": performance.mature.bad,
        "alarm": found["alarm"],
        "auc": found["ranking"],
        "intercept": found["mature"]["intercept"],
        "slope": found["mature"]["slope"],
        "changed_relations": [item for item in found["relations"] if item["changed"]],
        "drifted_columns": list(facts.drifted),
        "other_population": list(facts.elsewhere),
    }
