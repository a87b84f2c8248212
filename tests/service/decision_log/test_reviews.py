from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.decision_log import open_log
from service.decision_log.entries import Part
from service.decision_log.erasure import Wish, erase
from service.decision_log.reading import find, reading
from service.decision_log.reviews import read_review, resolve_reviews
from service.decision_log.scribe import writing
from service.decision_log.statements import StatementRefused, Teller
from service.decision_log.telling import answer_review
from service.problems import ProblemError
from tests.service.decision_log.written_log import BEGIN, CONTRACT, MINUTE, decision, verified, write

NOW = BEGIN + 1_000 * MINUTE
TELLER = Teller(NOW, "core", "request-9")


def review(number: int = 1, **more: Any) -> dict[str, Any]:
    told = {"decision": "approve", "reviewer": "m.rojas", "why": "Income proven by a payslip of October."}
    return {"decision_id": f"d{number}", **told, **more}


@pytest.fixture
def told(url: str, tmp_path: Path) -> Callable[[Any], dict[str, Any]]:
    """`told(review)`: what the door answers; d1 was referred, d2 declined, d3 approved."""
    write(url, [decision(1), decision(2, verdict="decline"), decision(3, verdict="approve")])

    def tell(body: Any) -> dict[str, Any]:
        log = open_log(url, spool=tmp_path / "spool", when_down="closed", about={})
        log.start()
        try:
            return asyncio.run(answer_review(log, CONTRACT, body, TELLER))
        finally:
            assert log.close()

    return tell


def test_a_review_is_recorded_beside_the_decision_which_stays(url: str, told: Any) -> None:
    assert told(review()) == {"decision_id": "d1", "review": 1, "status": "recorded"}
    with reading(url) as connection:
        found = find(connection, "d1")
    assert found is not None
    (said,) = found.reviews
    assert (found.decision.row.decision, said.row.decision) == ("refer", "approve")
    assert said.inputs == {"reviewer": "m.rojas", "why": "Income proven by a payslip of October."}
    assert said.details == {"review": 1, "reviewed_at": "2026-11-21T00:40:00Z", "override": False}
    assert verified(url).holds


def test_who_and_why_can_be_erased_and_the_chain_still_holds(url: str, told: Any) -> None:
    told(review())
    _erase(url)
    with reading(url) as connection:
        found = find(connection, "d1")
    assert found is not None
    assert found.reviews[0].inputs is None
    assert verified(url).holds


@pytest.mark.parametrize("moment", [{}, {"reviewed_at": "2026-11-20T12:00:00Z"}])
def test_an_erased_review_told_again_does_not_bring_who_and_why_back(
    url: str, told: Any, moment: dict[str, Any]
) -> None:
    told(review(**moment))
    _erase(url)
    assert told(review(**moment)) == {"decision_id": "d1", "review": 1, "status": "unchanged"}
    with reading(url) as connection:
        found = find(connection, "d1")
    assert found is not None
    assert [item.inputs for item in found.reviews] == [None]


@pytest.mark.parametrize("change", [{"decision": "decline"}, {"reviewed_at": "2026-11-20T13:00:00Z"}])
def test_another_review_than_the_erased_one_is_recorded(url: str, told: Any, change: dict[str, Any]) -> None:
    told(review(reviewed_at="2026-11-20T12:00:00Z"))
    _erase(url)
    assert told(review(**change)) == {"decision_id": "d1", "review": 2, "status": "corrected"}


def test_a_late_redelivery_overturns_no_later_review(url: str, told: Any) -> None:
    first = review(reviewed_at="2026-11-20T12:00:00Z")
    second = review(decision="decline", reviewed_at="2026-11-20T12:00:00.5Z")
    told(first), told(second)
    for _ in ("as it was", "erased"):
        assert told(first) == {"decision_id": "d1", "review": 1, "status": "unchanged"}
        assert told(second) == {"decision_id": "d1", "review": 2, "status": "unchanged"}
        _erase(url)


def test_a_file_of_reviews_with_a_correction_can_be_told_twice(url: str) -> None:
    write(url, [decision(1)])
    times = ("2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z")
    verdicts = ("approve", "decline")
    read = [
        read_review(review(decision=verdict, reviewed_at=at), NOW)
        for verdict, at in zip(verdicts, times, strict=True)
    ]
    told = []
    for _ in ("first", "again"):
        with writing(url, "tests", NOW) as scribe:
            told += [
                item.status for item in scribe.write(resolve_reviews(CONTRACT, read * 2, TELLER), ["d1"])
            ]
    assert told == ["recorded", "corrected", *["unchanged"] * 6]


def test_a_review_told_again_is_unchanged(told: Any) -> None:
    told(review(reviewed_at="2026-11-20T12:00:00Z"))
    again = {"decision_id": "d1", "review": 1, "status": "unchanged"}
    assert told(review()) == again
    assert told(review(reviewed_at="2026-11-20T13:00:00+01:00")) == again


@pytest.mark.parametrize(
    "change", [{"decision": "decline"}, {"reviewer": "somebody else"}, {"why": "Another reason."}]
)
def test_a_later_review_counts_and_both_are_kept(url: str, told: Any, change: dict[str, Any]) -> None:
    told(review())
    assert told(review(**change)) == {"decision_id": "d1", "review": 2, "status": "corrected"}
    with reading(url) as connection:
        found = find(connection, "d1")
    assert found is not None
    assert [item.details["review"] for item in found.reviews] == [1, 2]


@pytest.mark.parametrize(("number", "verdict"), [(2, "decline"), (3, "approve")])
def test_what_was_not_referred_is_reviewed_only_with_override(told: Any, number: int, verdict: str) -> None:
    with pytest.raises(ProblemError) as refused:
        told(review(number))
    assert refused.value.status == 409
    assert refused.value.detail == (
        f"the decision was {verdict}, and only what was referred is reviewed; "
        'to decide against it all the same, send "override": true'
    )
    assert told(review(number, override=True))["status"] == "recorded"


def test_a_review_of_an_unknown_decision_is_404(told: Any) -> None:
    with pytest.raises(ProblemError) as refused:
        told(review(9))
    assert (refused.value.status, refused.value.detail) == (404, "no decision of small_loans has the id 'd9'")


def test_a_review_before_its_decision_is_refused(told: Any) -> None:
    with pytest.raises(ProblemError) as refused:
        told(review(reviewed_at="2026-11-20T07:00:00Z"))
    assert refused.value.status == 422
    assert refused.value.findings[0].field == "reviewed_at"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decision": "refer"}, "decision='refer' is not one of: approve, decline"),
        ({"reviewer": ""}, "reviewer='' is not text of 1 to 200 characters"),
        ({"reviewer": None}, "reviewer is null; it must be text of 1 to 200 characters"),
        ({"why": " \n "}, "is not text of 1 to 2000 characters"),
        ({"why": "x" * 2_001}, "is not text of 1 to 2000 characters"),
        ({"reviewed_at": "yesterday"}, "reviewed_at='yesterday' is not a time with its zone"),
        (
            {"reviewed_at": "2027-01-01T00:00:00Z"},
            "is not a time that is over; it is now 2026-11-21T00:40:00Z",
        ),
        ({"override": "yes"}, "override='yes' is not one of: True, False"),
        ({"override": 1}, "override=1 is not one of: True, False"),
        ({"amount": 1}, "amount is not a field of this"),
    ],
)
def test_a_wrong_field_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StatementRefused) as refused:
        read_review({**review(), **change}, NOW)
    (found,) = refused.value.findings
    assert found.field == next(iter(change))
    assert message in found.message


def test_why_may_have_several_lines_and_any_script() -> None:
    text = "Años en el empleo: 3\nComprobado: sí ✓"
    assert read_review(review(why=text), NOW).why == text


def test_reviews_of_one_file_are_told_one_after_the_other(url: str) -> None:
    write(url, [decision(1)])
    bodies = [review(), review(), review(decision="decline"), review(decision="decline"), review(9)]
    read = [read_review(body, NOW) for body in bodies]
    with writing(url, "tests", NOW) as scribe:
        results = scribe.write(resolve_reviews(CONTRACT, read, TELLER), ["d1", "d9"])
    told = [getattr(item, "status", None) for item in results]
    assert told == ["recorded", "unchanged", "corrected", "unchanged", 404]
    assert verified(url).holds


def _erase(url: str) -> None:
    with writing(url, "tests", NOW) as scribe:
        scribe.write(erase(Wish(["d1"], (Part.INPUTS,), "asked", "tests", NOW)))
