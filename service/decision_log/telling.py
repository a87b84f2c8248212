"""What is told at the online door: bodies of /outcomes and /reviews, recorded and answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service.decision_log.log import DecisionLog
from service.decision_log.outcomes import (
    MOST_OUTCOMES,
    Outcome,
    Recorded,
    Result,
    read_outcome,
    resolve_outcomes,
)
from service.decision_log.reviews import read_review, resolve_reviews
from service.decision_log.statements import StatementRefused, Teller, is_id
from service.problems import ProblemError
from service.scoring.contract import Contract


async def answer_outcomes(log: DecisionLog, contract: Contract, body: Any, teller: Teller) -> dict[str, Any]:
    """Record `{"outcomes": [...]}`, 1 to 1,000 of them, and answer each in its place with its status or a problem.

    Raises `ProblemError` 422 for a body of another form, and `LogDown` where nothing was recorded.
    """
    told = body.get("outcomes") if isinstance(body, dict) and set(body) == {"outcomes"} else None
    if not isinstance(told, list) or not 1 <= len(told) <= MOST_OUTCOMES:
        raise ProblemError(422, f'the body must be {{"outcomes": [...]}} with 1 to {MOST_OUTCOMES} outcomes')
    read = [_read(item, contract, teller) for item in told]
    outcomes = [item for item in read if isinstance(item, Outcome)]
    recorded = iter(await _record(log, contract, outcomes, teller))
    results: list[Result] = [next(recorded) if isinstance(item, Outcome) else item for item in read]
    return {"results": [_answer(given, result, teller) for given, result in zip(told, results, strict=True)]}


async def answer_review(log: DecisionLog, contract: Contract, body: Any, teller: Teller) -> dict[str, Any]:
    """Record one review and answer which one of its decision it is.

    Raises `ProblemError`: 404 for an unknown decision, 409 for one that was not referred, 422 for wrong fields; and
    `LogDown` where nothing was recorded.
    """
    try:
        review = read_review(body, teller.at)
        found = await log.append_resolved([review.decision_id], resolve_reviews(contract, [review], teller))
    except StatementRefused as refused:
        raise _problem(refused) from None
    (result,) = found
    if isinstance(result, StatementRefused):
        raise _problem(result)
    answer: dict[str, Any] = result.to_json()
    return answer


async def _record(
    log: DecisionLog, contract: Contract, outcomes: Sequence[Outcome], teller: Teller
) -> Sequence[Result]:
    if not outcomes:
        return ()
    ids = [item.decision_id for item in outcomes]
    found: list[Result] = await log.append_resolved(ids, resolve_outcomes(contract, outcomes, teller))
    return found


def _read(item: Any, contract: Contract, teller: Teller) -> Outcome | StatementRefused:
    try:
        return read_outcome(item, contract, teller.at)
    except StatementRefused as refused:
        return refused


def _answer(given: Any, result: Result, teller: Teller) -> dict[str, Any]:
    if isinstance(result, Recorded):
        return result.to_json()
    named = given.get("decision_id") if isinstance(given, dict) else None
    # Only what could be an id is repeated: anything else may be megabytes, or half a character.
    known = {"decision_id": named} if is_id(named) else {}
    return {**known, **_problem(result).as_json(teller.request_id)}


def _problem(refused: StatementRefused) -> ProblemError:
    return ProblemError(refused.status, refused.detail, refused.findings)
