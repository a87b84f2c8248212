"""Outcomes: what really happened after a decision, attached to it; told otherwise later, it is a correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, select

from service.decision_log.entries import Entry, Kind
from service.decision_log.orders import Resolution, Resolve
from service.decision_log.reading import parsed_details
from service.decision_log.segments.decisions import batch_decisions
from service.decision_log.statements import (
    Fields,
    StatementRefused,
    Teller,
    expect_after,
    iso,
    moment_of,
)
from service.decision_log.tables import ENTRIES
from service.scoring.contract import Contract, Level

MOST_OUTCOMES = 1_000
_ABOUTS_AT_ONCE = 500


class Status(StrEnum):
    """What became of a statement: new, known already, or another one than before, which is kept."""

    RECORDED = "recorded"
    UNCHANGED = "unchanged"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened: a value of the contract's outcome, when that was observed, and who says so.

    observed_at: microseconds since 1970, UTC.
    """

    decision_id: str
    value: Level
    observed_at: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An outcome that the log has; correction: how often the decision's outcome has been told otherwise."""

    decision_id: str
    status: Status
    correction: int

    def to_json(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {"decision_id": self.decision_id, "status": str(self.status), "correction": self.correction}


Result: TypeAlias = Recorded | StatementRefused


def read_outcome(body: Any, contract: Contract, now: int) -> Outcome:
    """Read one outcome of a request or a file; raises `StatementRefused` with a finding for each wrong field."""
    fields = Fields(body, ("decision_id", "outcome", "observed_at"), ("source",))
    found = Outcome(
        fields.decision_id(),
        fields.choice("outcome", (*contract.outcome.bad, *contract.outcome.good)),
        fields.moment("observed_at", now),
        fields.text("source") if fields.given("source") else "",
    )
    fields.expect_none_refused()
    return found


def resolve_outcomes(contract: Contract, outcomes: Sequence[Outcome], teller: Teller) -> Resolve:
    """Return what attaches outcomes to their decisions inside a transaction; its result is a `Result` for each.

    The same outcome observed at the same time is unchanged, whoever says so, also where another was observed since: a
    file told twice, or a message that comes late, takes no correction back. Nobody else may decide meanwhile upon
    the same decisions: give their ids to whoever runs it.
    """

    def resolve(connection: Connection) -> Resolution:
        known = _known(connection, {item.decision_id for item in outcomes})
        entries: list[Entry] = []
        results: list[Result] = []
        for outcome in outcomes:
            try:
                recorded, entry = _place(contract, outcome, teller, known)
            except StatementRefused as refused:
                results.append(refused)
                continue
            results.append(recorded)
            entries += [entry] if entry else []
        return Resolution(entries, results)

    return resolve


class _Told(NamedTuple):
    """An outcome as it was told; observed_at: microseconds since 1970, UTC."""

    correction: int
    value: Any
    observed_at: int


@dataclass(slots=True)
class _Known:
    """What the log knows of one id: its decision, and every outcome told."""

    use_case: str = ""
    decided_at: int | None = None
    told: list[_Told] = field(default_factory=list)

    def has(self, outcome: Outcome) -> bool:
        """Return whether the outcome was told last, or was told before and something was observed since."""
        latest = max((one.observed_at for one in self.told), default=0)
        known = [
            one for one in self.told if (one.value, one.observed_at) == (outcome.value, outcome.observed_at)
        ]
        return any(one.correction == self.correction or one.observed_at < latest for one in known)

    @property
    def correction(self) -> int:
        """How often the outcome was told otherwise, -1 where it was not told at all."""
        return max((one.correction for one in self.told), default=-1)


def _known(connection: Connection, abouts: Iterable[str]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    ids = sorted(abouts)
    columns = (ENTRIES.c.about, ENTRIES.c.kind, ENTRIES.c.use_case, ENTRIES.c.at, ENTRIES.c.details)
    query = select(*columns).where(ENTRIES.c.kind.in_([str(Kind.DECISION), str(Kind.OUTCOME)]))
    for about, batch in batch_decisions(connection, ids).items():
        known[about] = _Known(batch.row.use_case, batch.row.at)
    for start in range(0, len(ids), _ABOUTS_AT_ONCE):
        some = query.where(ENTRIES.c.about.in_(ids[start : start + _ABOUTS_AT_ONCE]))
        for about, kind, use_case, at, details in connection.execute(some):
            found = known.setdefault(about, _Known())
            if kind == Kind.DECISION:
                found.use_case, found.decided_at = use_case, at
            else:
                found.told.append(_told(parsed_details(details)))
    return known


def _told(details: Mapping[str, Any]) -> _Told:
    return _Told(details["correction"], details["outcome"], moment_of(details["observed_at"]))


def _place(
    contract: Contract, outcome: Outcome, teller: Teller, known: dict[str, _Known]
) -> tuple[Recorded, Entry | None]:
    found = known.get(outcome.decision_id, _Known())
    if found.decided_at is None or found.use_case != contract.use_case:
        raise StatementRefused(404, f"no decision of {contract.use_case} has the id {outcome.decision_id!r}")
    expect_after("observed_at", outcome.observed_at, found.decided_at)
    if found.has(outcome):
        return Recorded(outcome.decision_id, Status.UNCHANGED, found.correction), None
    correction = found.correction + 1
    # What stands later in the same request is told after this.
    found.told.append(_Told(correction, outcome.value, outcome.observed_at))
    status = Status.CORRECTED if correction else Status.RECORDED
    return Recorded(outcome.decision_id, status, correction), _entry(contract, outcome, teller, correction)


def _entry(contract: Contract, outcome: Outcome, teller: Teller, correction: int) -> Entry:
    details = {
        "outcome": outcome.value,
        "bad": outcome.value in contract.outcome.bad,
        "observed_at": iso(outcome.observed_at),
        "source": outcome.source,
        "correction": correction,
    }
    return Entry(
        kind=Kind.OUTCOME,
        at=teller.at,
        use_case=contract.use_case,
        about=outcome.decision_id,
        contract=contract.version,
        request_id=teller.request_id,
        key_id=teller.key_id,
        details=details,
    )
