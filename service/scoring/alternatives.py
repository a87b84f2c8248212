"""What would change a decision: for each field the smallest change, of it alone, that leads to a milder one."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from service.scoring.contract import LARGEST_EXACT_INTEGER, Column, ColumnType, Contract, Scalar
from service.scoring.explanation import written
from service.scoring.policy import DECISIONS, Decision, Policy
from service.scoring.scorer import Scorer

MOST_ALTERNATIVES = 4
# Encoded records that are scored to find them all, a few milliseconds' worth; whatever a contract declares.
MOST_SCORED = 240
_MOST_REFINED = 8
# Values that a person would write: 61,200 rather than 61,183.57.
_DIGITS = 3
_DIGITS_OF_RATIO = 4


@dataclass(frozen=True, slots=True)
class Alternative:
    """A value of one field with which the decision would be this milder one.

    `also` has the ratios that the sender states and that follow from the changed field. `size` is the change as a
    share of the range in which nine tenths of the reference cases lie; another level is a change of 1.
    """

    feature: str
    value: Scalar
    probability: float
    decision: Decision
    also: Mapping[str, Scalar]
    size: float

    def as_json(self) -> dict[str, Any]:
        """Return the alternative as JSON data, without its size."""
        body = asdict(self) | {"decision": str(self.decision)}
        del body["size"]
        return body


@dataclass(frozen=True, slots=True)
class _Case:
    """The checked values of a record that was not approved; `strictness` is its decision's place in `DECISIONS`."""

    scorer: Scorer
    policy: Policy
    values: Mapping[str, float]
    strictness: int


def alternatives(
    scorer: Scorer, record: Mapping[str, Any], policy: Policy | None = None
) -> tuple[Alternative, ...]:
    """Return at most four alternatives to a record that is not approved, at most one per field, the smallest first.

    Only what the contract calls changeable is changed, to what the reference profile holds for usual; never what is
    null, and never to null. Each has been scored as a record of its own. Raises `RecordInvalid`.
    """
    policy = policy or scorer.policy
    values = scorer.validator.check_record(record)
    case = _Case(scorer, policy, values, DECISIONS.index(policy.decide(_probability(scorer, values))))
    columns = [column for column in scorer.contract.features if _may_change(column, values[column.name])]
    found: list[tuple[float, Column, float]] = []
    for column in columns if case.strictness else ():
        x = _smallest_change(case, column, MOST_SCORED // len(columns))
        if x is not None:
            found.append((_size(case, column, x), column, x))
    checked = (_checked(case, record, *item) for item in sorted(found, key=lambda item: item[0]))
    return tuple(islice(filter(None, checked), MOST_ALTERNATIVES))


def _may_change(column: Column, x: float) -> bool:
    # A level that stands for null is null.
    known = not math.isnan(x) and (column.null_level is None or column.levels[int(x)] != column.null_level)
    return column.changeable and not column.follows and known


def _smallest_change(case: _Case, column: Column, most: int) -> float | None:
    """Return the encoded value of the smallest change that helps, of all that at most `most` scorings can try."""
    x = case.values[column.name]
    if not column.is_numeric:
        return _best_level(case, column, x, most)
    usual = _usual_values(case.scorer, column, x)
    refined = min(_MOST_REFINED, most // 3)
    step = max(1, math.ceil(len(usual) / max(most - refined, 1)))
    near: dict[bool, float] = {True: x, False: x}
    for point in usual[::step]:
        if _decided(case, column, point) is not None:
            between = _between(column, near[point > x], point, refined)
            return next((value for value in between if _decided(case, column, value) is not None), point)
        near[point > x] = point
    return None


def _best_level(case: _Case, column: Column, x: float, most: int) -> float | None:
    """Return the level with the mildest decision and the lowest probability; all changes of level are as large."""
    count = len(column.levels) if column.type is ColumnType.CATEGORY else 2
    others = [float(i) for i in range(count) if i != x and not _is_null(column, i)]
    decided = {level: _decided(case, column, level) for level in others[:most]}
    helping = {level: answer for level, answer in decided.items() if answer is not None}
    return min(helping, key=lambda level: helping[level], default=None)


def _is_null(column: Column, level: int) -> bool:
    return column.null_level is not None and column.levels[level] == column.null_level


def _usual_values(scorer: Scorer, column: Column, x: float) -> list[float]:
    """Return the values that divide the reference cases into twentieths, the nearest first."""
    low, high = _limits(column)
    rounded = {_rounded(column, border) for border in scorer.profile.inputs[column.name].borders}
    return sorted(
        (value for value in rounded if low <= value <= high and value != x), key=lambda v: abs(v - x)
    )


def _between(column: Column, start: float, end: float, count: int) -> Iterator[float]:
    """Yield at most `count` values between two that were tried, from the start on."""
    low, high = min(start, end), max(start, end)
    last = start
    for i in range(1, count + 1):
        value = _rounded(column, start + (end - start) * i / (count + 1))
        if low < value < high and value != last:
            last = value
            yield value


def _rounded(column: Column, value: float) -> float:
    short = float(f"{value:.{_DIGITS}g}")
    return float(round(value)) if column.type is ColumnType.INTEGER else short


def _limits(column: Column) -> tuple[float, float]:
    most = LARGEST_EXACT_INTEGER if column.type is ColumnType.INTEGER else sys.float_info.max
    low, high = column.minimum, column.maximum
    return -most if low is None else max(low, -most), most if high is None else min(high, most)


def _decided(case: _Case, column: Column, x: float) -> tuple[int, float] | None:
    """Return the place of the decision and P(bad) with the changed value; None unless it is milder."""
    followers = _followers(case.scorer.contract, case.values, column.name, x)
    if followers is None:
        return None
    probability = _probability(case.scorer, {**case.values, column.name: x, **followers})
    strictness = DECISIONS.index(case.policy.decide(probability))
    return (strictness, probability) if strictness < case.strictness else None


def _probability(scorer: Scorer, values: Mapping[str, float]) -> float:
    return scorer.calibrator.probability(scorer.predictor.score_one(scorer.encoder.encode_record(values)))


def _followers(
    contract: Contract, values: Mapping[str, float], name: str, x: float
) -> dict[str, float] | None:
    """Return the stated ratios that follow from the changed value; None if one of them would be impossible."""
    changed = {**values, name: x}
    found: dict[str, float] = {}
    for column in contract.features:
        if name not in column.follows or math.isnan(values[column.name]):
            continue
        above, below = (changed[of] for of in column.follows)
        ratio = float(f"{above / below:.{_DIGITS_OF_RATIO}g}") if below else math.nan
        low, high = _limits(column)
        if not low <= ratio <= high:
            return None
        found[column.name] = ratio
    return found


def _size(case: _Case, column: Column, x: float) -> float:
    borders: Sequence[float] = case.scorer.profile.inputs[column.name].borders
    if not column.is_numeric or len(borders) < 2:
        return 1.0
    return abs(x - case.values[column.name]) / (borders[-1] - borders[0])


def _checked(
    case: _Case, record: Mapping[str, Any], size: float, column: Column, x: float
) -> Alternative | None:
    """Return the alternative if the changed record, as a record, is decided on more mildly."""
    contract = case.scorer.contract
    followers = _followers(contract, case.values, column.name, x) or {}
    also = {name: written(contract.by_name[name], ratio) for name, ratio in followers.items()}
    value = written(column, x)
    value = int(value) if isinstance(value, float) and value.is_integer() else value
    scored = case.scorer.score({**record, column.name: value, **also}, case.policy)
    if DECISIONS.index(scored.decision) >= case.strictness:
        return None
    return Alternative(column.name, value, scored.probability, scored.decision, also, size)
