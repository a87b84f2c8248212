"""Outcomes and reviews from a file: each row told to the decision log, or set aside with the reason."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from service.decision_log.orders import Resolve
from service.decision_log.outcomes import Outcome, read_outcome, resolve_outcomes
from service.decision_log.reading import reading
from service.decision_log.reviews import Review, read_review, resolve_reviews
from service.decision_log.scribe import Scribe, writing
from service.decision_log.segments.store import SegmentStore
from service.decision_log.segments.subjects import find_batch_abouts
from service.decision_log.statements import StatementRefused, Teller
from service.decision_log.subjects import find_abouts, id_text
from service.errors import AvalError
from service.scoring.contract import Contract, Role
from training.statement_file import Row, read_rows

# Looked up together, and written together: few enough that no service waits long for its turn to write.
ROWS_AT_ONCE, WRITTEN_AT_ONCE = 10_000, 250
REVIEW_FIELDS = ("decision_id", "decision", "reviewer", "why", "reviewed_at", "override")

Statement: TypeAlias = Outcome | Review
Read: TypeAlias = Callable[[Sequence[Row]], list[Statement | StatementRefused]]


@dataclass(slots=True)
class Counts:
    """Rows read, and what became of them; together the four are all of them."""

    rows_in: int = 0
    recorded: int = 0
    unchanged: int = 0
    corrected: int = 0
    quarantined: int = 0

    def expect_reconciled(self) -> None:
        """Raise `AvalError` unless every row that was read is accounted for once."""
        if self.rows_in != self.recorded + self.unchanged + self.corrected + self.quarantined:
            raise AvalError(f"the rows do not add up: {self}. This is a defect of Aval: report it")


@dataclass(frozen=True, slots=True)
class Telling:
    """A file of statements, where its refused rows go, who tells it, and where decisions of batch runs are kept."""

    address: str
    contract: Contract
    source: Path
    quarantine: Path
    teller: Teller
    progress: Callable[[int], None] = lambda _: None
    segments: SegmentStore | None = None


def tell_outcomes(telling: Telling, observed_at: str | None = None) -> Counts:
    """Attach a file of outcomes to decisions, by `decision_id` or, without that column, by the contract's id columns.

    The outcome stands in the contract's outcome column or in `outcome`; `observed_at` is for rows that have none.
    """
    contract = telling.contract

    def read(rows: Sequence[Row]) -> list[Statement | StatementRefused]:
        ids = _found_by_ids(telling, rows)
        return [
            _attempt(_outcome, row, found, telling, observed_at) for row, found in zip(rows, ids, strict=True)
        ]

    return _tell(telling, read, lambda items: resolve_outcomes(contract, items, telling.teller))


def tell_reviews(telling: Telling) -> Counts:
    """Attach a file of reviews to decisions; its columns are those of `REVIEW_FIELDS`, others are not looked at."""

    def read(rows: Sequence[Row]) -> list[Statement | StatementRefused]:
        return [_attempt(_review, row, telling.teller.at) for row in rows]

    return _tell(telling, read, lambda items: resolve_reviews(telling.contract, items, telling.teller))


def _tell(telling: Telling, read: Read, resolve: Callable[[Sequence[Any]], Resolve]) -> Counts:
    counts, rows = Counts(), read_rows(telling.source)
    with reading(telling.address):
        pass  # a log that is not there is to be refused, and not made
    with (
        writing(telling.address, f"file {telling.source.name}", telling.teller.at) as scribe,
        _quarantine(telling.quarantine) as refuse,
    ):
        while some := list(islice(rows, ROWS_AT_ONCE)):
            counts.rows_in += len(some)
            results = _told(scribe, read(some), resolve)
            for row, result in zip(some, results, strict=True):
                if isinstance(result, StatementRefused):
                    refuse(row, result)
                    counts.quarantined += 1
                else:
                    setattr(counts, result.status, getattr(counts, result.status) + 1)
            telling.progress(counts.rows_in)
    counts.expect_reconciled()
    return counts


def _told(
    scribe: Scribe,
    items: Sequence[Statement | StatementRefused],
    resolve: Callable[[Sequence[Any]], Resolve],
) -> list[Any]:
    """Return for each item what the log says to it, in order; those refused already are passed on."""
    results: list[Any] = list(items)
    places = [place for place, item in enumerate(items) if not isinstance(item, StatementRefused)]
    for start in range(0, len(places), WRITTEN_AT_ONCE):
        some = places[start : start + WRITTEN_AT_ONCE]
        said = [results[place] for place in some]
        answers = scribe.write(resolve(said), [item.decision_id for item in said])
        for place, answer in zip(some, answers, strict=True):
            results[place] = answer
    return results


def _attempt(read: Callable[..., Statement], *given: Any) -> Statement | StatementRefused:
    try:
        return read(*given)
    except StatementRefused as refused:
        return refused


def _outcome(row: Row, found: set[str] | None, telling: Telling, observed_at: str | None) -> Outcome:
    _expect_read(row)
    contract, values = telling.contract, row.values
    body = {
        "outcome": _level(contract, values.get(contract.outcome.name, values.get("outcome"))),
        "observed_at": values.get("observed_at") or observed_at,
    }
    if values.get("source") is not None:
        body["source"] = values["source"]
    named = values.get("decision_id")
    about = _only(found, row, contract) if named is None and found is not None else named
    return read_outcome({"decision_id": about, **body}, contract, telling.teller.at)


def _review(row: Row, now: int) -> Review:
    _expect_read(row)
    body = {name: row.values[name] for name in REVIEW_FIELDS if row.values.get(name) is not None}
    if "override" in body:
        body["override"] = {"true": True, "1": True, "false": False, "0": False}.get(
            str(body["override"]).lower(), body["override"]
        )
    return read_review(body, now)


def _expect_read(row: Row) -> None:
    if row.problem:
        raise StatementRefused(422, row.problem)


def _only(found: set[str], row: Row, contract: Contract) -> str:
    """Return the one decision that the ids of a row name."""
    if len(found) == 1:
        return next(iter(found))
    ids = ", ".join(f"{name}={value!r}" for name, value in _ids(row, contract).items())
    if not ids:
        raise StatementRefused(422, "the row has no decision_id, and none of the use case's ids")
    if not found:
        raise StatementRefused(404, f"no decision of {contract.use_case} has {ids}")
    raise StatementRefused(
        409, f"{len(found)} decisions of {contract.use_case} have {ids}; name one by its decision_id"
    )


def _found_by_ids(telling: Telling, rows: Sequence[Row]) -> list[set[str] | None]:
    """Return for each row what its ids name; None for a row that names its decision itself."""
    contract = telling.contract
    wanted = {
        place: _ids(row, contract) for place, row in enumerate(rows) if not row.values.get("decision_id")
    }
    found: list[set[str] | None] = [None] * len(rows)
    if not wanted:
        return found
    columns = [column.name for column in contract.of_role(Role.ID)]
    with reading(telling.address) as connection:
        abouts = find_abouts(
            connection, list(wanted.values()), use_case=contract.use_case, id_columns=columns
        )
    if telling.segments is not None:
        batch = find_batch_abouts(telling.segments, list(wanted.values()), use_case=contract.use_case)
        abouts = [one | other for one, other in zip(abouts, batch, strict=True)]
    for place, about in zip(wanted, abouts, strict=True):
        found[place] = about
    return found


def _ids(row: Row, contract: Contract) -> dict[str, str]:
    ids = {column.name: row.values.get(column.name) for column in contract.of_role(Role.ID)}
    return {name: id_text(value) for name, value in ids.items() if value is not None}


def _level(contract: Contract, value: Any) -> Any:
    """Return the outcome that a cell stands for: where outcomes are numbers, text may be one."""
    if isinstance(value, str) and isinstance(contract.outcome.bad[0], int):
        try:
            return float(value)
        except ValueError:
            return value
    return value


@contextmanager
def _quarantine(target: Path) -> Iterator[Callable[[Row, StatementRefused], None]]:
    """Yield what sets a row aside; the file is there only when there was one, and only when it is whole."""
    scratch = target.with_name(f".{target.name}.partial")
    rows = 0
    try:
        # Half a surrogate pair, which JSON may hold and UTF-8 cannot, is written as JSON escapes it.
        with scratch.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("row", "errors", "record"))

            def refuse(row: Row, refused: StatementRefused) -> None:
                nonlocal rows
                rows += 1
                writer.writerow((row.number, _json(_errors(refused)), _json(row.values)))

            yield refuse
        if rows:
            scratch.replace(target)
        else:
            target.unlink(missing_ok=True)
    finally:
        scratch.unlink(missing_ok=True)


def _errors(refused: StatementRefused) -> Iterable[dict[str, Any]]:
    """Return what is wrong with a row, as findings of quarantined records are written."""
    if refused.findings:
        return [item.as_json() for item in refused.findings]
    return [{"field": "", "code": _CODES[refused.status], "message": refused.detail}]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_CODES = {404: "not_found", 409: "conflict", 422: "unreadable"}
