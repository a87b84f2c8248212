"""What is said of batch decisions later, and what the log shows of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from service.decision_log import LogRefused, open_log
from service.decision_log.entries import Part
from service.decision_log.erasure import Wish, erase
from service.decision_log.outcomes import read_outcome, resolve_outcomes
from service.decision_log.reading import Found, find, reading
from service.decision_log.reviews import read_review, resolve_reviews
from service.decision_log.scribe import writing
from service.decision_log.segments.decisions import batch_decisions, batch_id
from service.decision_log.segments.erasing import erase_decisions
from service.decision_log.segments.records import find_decision
from service.decision_log.statements import StatementRefused, Teller
from service.decision_log.telling import answer_outcomes
from service.scoring.policy import DECISIONS
from tests.service.batch.batch_scorers import CONTRACT, write_records
from tests.service.decision_log.segment_logs import REFUSED, ROWS, SCORER, Kept, keep, make, records
from tests.service.decision_log.written_log import BEGIN, MINUTE, alter
from tests.service.decision_log.written_log import verified as chains

ONE, TWO = "0123456789abcdef", "fedcba9876543210"
NOW = BEGIN + 1_000 * MINUTE
TELLER = Teller(NOW, "core", "request-9")
LATER = "2026-11-20T10:00:00Z"
SCORED = SCORER.score_table(records())


@pytest.fixture
def anywhere(url: str, tmp_path: Path) -> Kept:
    """A log of one segment, once in each kind of database."""
    return keep(url, tmp_path, make(tmp_path, ONE))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A log of one segment."""
    return keep(f"sqlite:///{tmp_path / 'log.db'}", tmp_path, make(tmp_path, ONE))


def row_decided(verdict: str) -> int:
    """The first row of the segment with this decision."""
    code = [str(decision) for decision in DECISIONS].index(verdict)
    return int((SCORED.decisions == code).argmax()) + 1


def tell(kept: Kept, *about: str, value: int = 1, at: str = LATER) -> list[Any]:
    """Tell outcomes, as a file does."""
    bodies = [{"decision_id": one, "outcome": value, "observed_at": at} for one in about]
    outcomes = [read_outcome(body, CONTRACT, NOW) for body in bodies]
    with writing(kept.url, "tests", BEGIN) as scribe:
        found: list[Any] = scribe.write(resolve_outcomes(CONTRACT, outcomes, TELLER), about)
        return found


def review(kept: Kept, about: str, **more: Any) -> Any:
    """Tell a review, as a file does."""
    body = {"decision_id": about, "decision": "approve", "reviewer": "m.rojas", "why": "Called.", **more}
    with writing(kept.url, "tests", BEGIN) as scribe:
        (found,) = scribe.write(resolve_reviews(CONTRACT, [read_review(body, NOW)], TELLER), [about])
        return found


def shown(kept: Kept, about: str) -> Found:
    """What the log shows of a batch decision."""
    found = find_decision(kept.store, about)
    assert found is not None
    return found


def test_every_scored_row_has_a_decision_in_the_log_itself_and_no_refused_one(anywhere: Kept) -> None:
    with reading(anywhere.url) as connection:
        found = batch_decisions(connection, [f"{ONE}-{row}" for row in range(1, ROWS + 9)])
    expected = {
        f"{ONE}-{row}": str(DECISIONS[code])
        for row, code in enumerate(SCORED.decisions, start=1)
        if code >= 0
    }
    assert {about: item.row.decision for about, item in found.items()} == expected
    assert len(expected) == ROWS - len(REFUSED)


@pytest.mark.parametrize(
    "text", [f"{ONE}-0", f"{ONE}-01", f"{ONE.upper()}-1", f"{ONE}-1\n", "d1", f"{ONE}-²"]
)
def test_what_is_no_id_of_a_batch_decision_is_none(text: str) -> None:
    assert batch_id(text) is None


def test_an_outcome_is_attached_to_a_batch_decision(anywhere: Kept) -> None:
    (first,) = tell(anywhere, f"{ONE}-1")
    (again,) = tell(anywhere, f"{ONE}-1")
    (other,) = tell(anywhere, f"{ONE}-1", value=0)
    assert [str(item.status) for item in (first, again, other)] == ["recorded", "unchanged", "corrected"]
    assert [item.details["outcome"] for item in shown(anywhere, f"{ONE}-1").outcomes] == [1, 0]
    assert chains(anywhere.url).holds


@pytest.mark.parametrize("about", [f"{ONE}-{REFUSED[0] + 1}", f"{ONE}-{ROWS + 1}", f"{TWO}-1"])
def test_an_outcome_of_what_was_not_decided_is_refused(kept: Kept, about: str) -> None:
    (refused,) = tell(kept, about)
    assert isinstance(refused, StatementRefused)
    assert (refused.status, refused.detail) == (404, f"no decision of small_loans has the id {about!r}")


def test_an_outcome_from_before_the_run_is_refused(kept: Kept) -> None:
    (refused,) = tell(kept, f"{ONE}-1", at="2026-11-19T10:00:00Z")
    assert isinstance(refused, StatementRefused)
    assert "is not at or after the decision, which was made at 2026-11-20T08:00:00Z" in refused.detail


def test_an_outcome_of_another_use_case_is_refused(kept: Kept) -> None:
    other = CONTRACT.model_copy(update={"use_case": "other_loans"})
    outcome = read_outcome({"decision_id": f"{ONE}-1", "outcome": 1, "observed_at": LATER}, CONTRACT, NOW)
    with writing(kept.url, "tests", BEGIN) as scribe:
        (refused,) = scribe.write(resolve_outcomes(other, [outcome], TELLER))
    assert refused.status == 404


def test_the_online_door_takes_outcomes_of_batch_decisions(anywhere: Kept) -> None:
    told = [{"decision_id": f"{ONE}-{row}", "outcome": 1, "observed_at": LATER} for row in (1, 2, 4)]
    log = open_log(anywhere.url, spool=Path("none"), when_down="closed", about={})
    log.start()
    try:
        body = asyncio.run(answer_outcomes(log, CONTRACT, {"outcomes": told}, TELLER))
    finally:
        log.close()
    assert [item.get("status") for item in body["results"]] == ["recorded", "recorded", 404]


def test_a_referred_batch_decision_is_reviewed(anywhere: Kept) -> None:
    about = f"{ONE}-{row_decided('refer')}"
    assert (review(anywhere, about).number, review(anywhere, about).status) == (1, "unchanged")
    (told,) = shown(anywhere, about).reviews
    assert told.inputs == {"reviewer": "m.rojas", "why": "Called."}


def test_a_batch_decision_that_was_not_referred_is_reviewed_with_override_alone(kept: Kept) -> None:
    about = f"{ONE}-{row_decided('decline')}"
    refused = review(kept, about)
    assert (refused.status, refused.detail[:25]) == (409, "the decision was decline,")
    assert review(kept, about, override=True).number == 1


def test_an_entry_that_was_altered_beyond_reading_is_named(kept: Kept) -> None:
    alter(kept.url, "entries", {"details": "replace(details, 'by_row', 'by-row')"})
    with pytest.raises(LogRefused, match=f"entry about segment {ONE} cannot be read"):
        tell(kept, f"{ONE}-1")


@pytest.mark.parametrize("row", [1, 17, ROWS])
def test_a_batch_decision_is_shown_with_its_record(kept: Kept, row: int) -> None:
    found = shown(kept, f"{ONE}-{row}").decision
    given = records().slice(row - 1, 1).to_pylist()[0]
    assert {**(found.inputs or {}), **(found.personal or {})} == given
    assert found.row.probability == SCORED.probabilities[row - 1]
    assert found.row.decision == str(DECISIONS[SCORED.decisions[row - 1]])
    assert (found.row.about, found.row.kind, found.row.model) == (f"{ONE}-{row}", "decision", SCORER.tag)
    assert found.details == {"segment": ONE, "row": row, "input": "2026-11-20.parquet"}


def test_a_batch_decision_of_a_text_file_is_shown_as_its_cells_were(kept: Kept, tmp_path: Path) -> None:
    path = write_records(tmp_path / "in.csv", records())
    rows = [line.split(",") for line in path.read_text().splitlines()[:2]]
    table = pa.table({name: [cell or None] for name, cell in zip(rows[0], rows[1], strict=True)})
    kept = keep(kept.url, tmp_path, make(tmp_path, TWO, table, text=True))
    assert shown(kept, f"{TWO}-1").decision.personal == {
        name: rows[1][rows[0].index(name)] or None for name in ("case", "contract", "asked at", "sex")
    }


def test_times_and_decimals_of_a_record_are_shown_as_json_has_them(kept: Kept, tmp_path: Path) -> None:
    table = records()
    seconds = pa.array(list(range(ROWS)), pa.timestamp("s"))
    table = table.set_column(2, "asked at", seconds)
    table = table.set_column(5, "income", pa.array(range(ROWS)).cast(pa.decimal128(20, 1)))
    found = shown(keep(kept.url, tmp_path, make(tmp_path, TWO, table)), f"{TWO}-2").decision
    assert (found.personal or {})["asked at"] == "1970-01-01T00:00:01"
    assert json.dumps(found.inputs)


def test_reasons_are_shown_where_they_were_computed(kept: Kept, tmp_path: Path) -> None:
    kept = keep(kept.url, tmp_path, make(tmp_path, TWO, reasons=True))
    refused, approved = (shown(kept, f"{TWO}-{row_decided(name)}") for name in ("decline", "approve"))
    assert refused.decision.details["reasons"][0].startswith("R")
    assert approved.decision.details["reasons"] == []


def test_what_was_erased_is_shown_as_erased_and_by_whom(anywhere: Kept) -> None:
    review(anywhere, f"{ONE}-1", override=True)
    wish = Wish([f"{ONE}-1"], (Part.INPUTS,), "asked", "m.rojas", NOW)
    with writing(anywhere.url, "tests", BEGIN) as scribe:
        erase_decisions(anywhere.store, scribe, wish)
        scribe.write(erase(wish))
    found, other = shown(anywhere, f"{ONE}-1"), shown(anywhere, f"{ONE}-2")
    assert (found.decision.erased, other.decision.erased) == ((Part.INPUTS,), ())
    assert found.decision.personal is not None
    assert {item.details["by"] for item in found.others} == {"m.rojas"}
    assert [item.row.about for item in found.others] == [f"{ONE}-1", ONE]
    assert other.others == ()
    assert found.reviews[0].inputs is None


def test_a_segment_itself_is_shown(kept: Kept) -> None:
    with reading(kept.url) as connection:
        found = find(connection, ONE)
    assert found is not None
    assert found.decision.details["rows"] == ROWS - len(REFUSED)


@pytest.mark.parametrize("about", [f"{ONE}-{REFUSED[0] + 1}", f"{TWO}-1", "d1"])
def test_an_unknown_id_shows_nothing(kept: Kept, about: str) -> None:
    assert find_decision(kept.store, about) is None
