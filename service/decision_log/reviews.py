"""Reviews: what a person decided on a case, who it was and why; the decision that was reviewed stays as it is.

A referred case is what reviews are for. Somebody with the authority may also decide against an approval or a decline
(whoever is declined by a machine alone may ask for that: GDPR, article 22(3)), but must say so with `override`, lest a
slip of the pen turn a decision round. Who it was and why stands in the record of the review's entry, as `inputs`: it is
kept as long as what the decision itself rests on, and can be erased, because what people write may be about somebody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection

from service.decision_log.entries import Entry, Kind, Record
from service.decision_log.orders import Resolution, Resolve
from service.decision_log.outcomes import Status
from service.decision_log.reading import Logged, Selection, entries
from service.decision_log.segments.decisions import batch_decisions
from service.decision_log.statements import (
    Fields,
    StatementRefused,
    Teller,
    expect_after,
    iso,
    moment_of,
)
from service.scoring.contract import Contract
from service.scoring.policy import Decision

LONGEST_WHY = 2_000
DECIDABLE = (Decision.APPROVE, Decision.DECLINE)


@dataclass(frozen=True, slots=True)
class Review:
    """What a person decided, who it was and why; reviewed_at: microseconds since 1970, UTC, None for now.

    override: whether it may go against a decision that was not referred.
    """

    decision_id: str
    decision: Decision
    reviewer: str
    why: str
    reviewed_at: int | None = None
    override: bool = False


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that the log has; number: the first review of a decision is 1. A later one counts, all are kept."""

    decision_id: str
    number: int
    status: Status

    def to_json(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {"decision_id": self.decision_id, "review": self.number, "status": str(self.status)}


Result: TypeAlias = Reviewed | StatementRefused


def read_review(body: Any, now: int) -> Review:
    """Read a review of a request or a file; raises `StatementRefused` with a finding for each wrong field."""
    fields = Fields(body, ("decision_id", "decision", "reviewer", "why"), ("reviewed_at", "override"))
    choice = fields.choice("decision", [str(decision) for decision in DECIDABLE])
    override = fields.choice("override", (True, False)) if fields.given("override") else False
    found = Review(
        fields.decision_id(),
        Decision(choice or Decision.DECLINE),
        fields.text("reviewer"),
        fields.text("why", LONGEST_WHY),
        fields.moment("reviewed_at", now) if fields.given("reviewed_at") else None,
        bool(override),
    )
    fields.expect_none_refused()
    return found


def resolve_reviews(contract: Contract, reviews: Sequence[Review], teller: Teller) -> Resolve:
    """Return what attaches reviews to their decisions inside a transaction; its result is a `Result` for each.

    The same review told again is unchanged, also where another was made since. Of one whose reviewer and reasons were
    erased the decision is compared, and its time where that is given: a file told twice must not bring a name back.
    Nobody else may decide meanwhile upon the same decisions.
    """

    def resolve(connection: Connection) -> Resolution:
        said: list[Entry] = []
        results: list[Result] = []
        since: dict[str, list[_Told]] = {}
        for review in reviews:
            try:
                found = _place(_known(connection, contract, review), contract, review, since)
            except StatementRefused as refused:
                results.append(refused)
                continue
            results.append(found)
            if found.status is not Status.UNCHANGED:
                # What stands later in the same file is told after this.
                told = _told(found.number, review, teller.at)
                since.setdefault(review.decision_id, []).append(told)
                said.append(_entry(contract, review, teller, found.number))
        return Resolution(said, results)

    return resolve


class _Told(NamedTuple):
    """A review as the log holds it; text: who and why, None where erased. reviewed_at: microseconds since 1970."""

    number: int
    decision: str
    override: bool
    text: tuple[str, str] | None
    reviewed_at: int


def _known(connection: Connection, contract: Contract, review: Review) -> list[Logged]:
    kinds = (Kind.DECISION, Kind.REVIEW)
    said = list(entries(connection, Selection(kinds, contract.use_case, about=review.decision_id)))
    batch = batch_decisions(connection, [review.decision_id]).values()
    return said + [item for item in batch if item.row.use_case == contract.use_case]


def _place(
    known: Sequence[Logged], contract: Contract, review: Review, since: Mapping[str, Sequence[_Told]]
) -> Reviewed:
    decided = [item for item in known if item.row.kind == Kind.DECISION]
    if not decided:
        raise StatementRefused(404, f"no decision of {contract.use_case} has the id {review.decision_id!r}")
    _expect_reviewable(review, decided[0])
    stored = [_stored(item) for item in known if item.row.kind == Kind.REVIEW]
    told = sorted([*stored, *since.get(review.decision_id, ())], key=lambda one: one.number)
    if not told:
        return Reviewed(review.decision_id, 1, Status.RECORDED)
    if (same := _same(review, told)) is not None:
        return Reviewed(review.decision_id, same.number, Status.UNCHANGED)
    return Reviewed(review.decision_id, told[-1].number + 1, Status.CORRECTED)


def _expect_reviewable(review: Review, decided: Logged) -> None:
    decision = decided.row.decision
    if decision != Decision.REFER and not review.override:
        raise StatementRefused(
            409,
            f"the decision was {decision}, and only what was referred is reviewed; "
            'to decide against it all the same, send "override": true',
        )
    if review.reviewed_at is not None:
        expect_after("reviewed_at", review.reviewed_at, decided.row.at)


def _stored(item: Logged) -> _Told:
    details, text = item.details, item.inputs
    return _Told(
        details["review"],
        item.row.decision or "",
        details["override"],
        None if text is None else (text.get("reviewer", ""), text.get("why", "")),
        moment_of(details["reviewed_at"]),
    )


def _told(number: int, review: Review, now: int) -> _Told:
    moment = now if review.reviewed_at is None else review.reviewed_at
    return _Told(number, str(review.decision), review.override, (review.reviewer, review.why), moment)


def _same(review: Review, told: Sequence[_Told]) -> _Told | None:
    """Return the review that this one is again: the last one told, or one before it that another was made after."""
    latest = max(one.reviewed_at for one in told)
    for one in reversed(told):
        superseded = review.reviewed_at is not None and review.reviewed_at < latest
        if (one is told[-1] or superseded) and _is_same(review, one):
            return one
    return None


def _is_same(review: Review, before: _Told) -> bool:
    again = _told(before.number, review, before.reviewed_at)
    return again == before or again._replace(text=None) == before


def _entry(contract: Contract, review: Review, teller: Teller, number: int) -> Entry:
    moment = teller.at if review.reviewed_at is None else review.reviewed_at
    return Entry(
        kind=Kind.REVIEW,
        at=teller.at,
        use_case=contract.use_case,
        about=review.decision_id,
        decision=str(review.decision),
        contract=contract.version,
        request_id=teller.request_id,
        key_id=teller.key_id,
        details={"review": number, "reviewed_at": iso(moment), "override": review.override},
        record=Record(inputs={"reviewer": review.reviewer, "why": review.why}),
    )
