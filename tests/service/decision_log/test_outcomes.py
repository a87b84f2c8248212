from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decision_log import DecisionLog, Kind, LogDown, open_log
from service.decision_log.outcomes import read_outcome, resolve_outcomes
from service.decision_log.reading import Selection, entries, find, reading
from service.decision_log.reviews import read_review
from service.decision_log.scribe import writing
from service.decision_log.statements import StatementRefused, Teller
from service.decision_log.telling import answer_outcomes
from service.problems import ProblemError
from tests.service.decision_log.written_log import BEGIN, CONTRACT, MINUTE, decision, verified, write

T = TypeVar("T")
NOW = BEGIN + 1_000 * MINUTE
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("decision_id", "outcome", "observed_at", "source", "decision", "reviewer", "why", "override")
TELLER = Teller(NOW, "core", "request-9")
LATER = "2026-11-20T10:00:00Z"


def outcome(number: int = 1, value: Any = 1, observed_at: Any = LATER, **more: Any) -> dict[str, Any]:
    return {"decision_id": f"d{number}", "outcome": value, "observed_at": observed_at, **more}


@pytest.fixture
def told(url: str, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """`told(outcome, ...)`: what the door answers to each; decisions d0 to d3 are in the log."""
    write(url, [*map(decision, range(4)), decision(7, use_case="other_loans")])

    def tell(*outcomes: Any) -> list[dict[str, Any]]:
        answer = with_log(
            url, tmp_path, lambda log: answer_outcomes(log, CONTRACT, {"outcomes": [*outcomes]}, TELLER)
        )
        results: list[dict[str, Any]] = answer["results"]
        return results

    return tell


def with_log(url: str, folder: Path, ask: Callable[[DecisionLog], Coroutine[Any, Any, T]]) -> T:
    """Return what is answered while the log is open."""
    log = open_log(url, spool=folder / "spool", when_down="closed", about={})
    log.start()
    try:
        return asyncio.run(ask(log))
    finally:
        assert log.close()


def test_an_outcome_is_recorded_beside_its_decision(url: str, told: Any) -> None:
    (answer,) = told(outcome(2, source="collections"))
    assert answer == {"decision_id": "d2", "status": "recorded", "correction": 0}
    with reading(url) as connection:
        found = find(connection, "d2")
    assert found is not None
    (said,) = found.outcomes
    assert said.details == {
        "outcome": 1,
        "bad": True,
        "observed_at": LATER,
        "source": "collections",
        "correction": 0,
    }
    assert (said.row.kind, said.row.key_id, said.row.request_id) == (Kind.OUTCOME, "core", "request-9")
    assert found.decision.row.decision == "refer"
    assert verified(url).holds


def test_an_outcome_told_again_is_unchanged(url: str, told: Any) -> None:
    told(outcome())
    again = outcome(observed_at="2026-11-20T06:00:00-04:00", source="another system")
    assert told(again) == [{"decision_id": "d1", "status": "unchanged", "correction": 0}]
    assert len(_logged(url)) == 1


@pytest.mark.parametrize("change", [{"value": 0}, {"observed_at": "2026-11-20T10:00:01Z"}])
def test_an_outcome_told_otherwise_is_a_correction_and_both_are_kept(
    url: str, told: Any, change: dict[str, Any]
) -> None:
    told(outcome())
    assert told(outcome(**change)) == [{"decision_id": "d1", "status": "corrected", "correction": 1}]
    assert [item["correction"] for item in _logged(url)] == [0, 1]


def test_a_correction_taken_back_is_another_correction(url: str, told: Any) -> None:
    statuses = [told(outcome(value=value))[0]["status"] for value in (1, 0, 1, 1)]
    assert statuses == ["recorded", "corrected", "corrected", "unchanged"]
    assert [item["outcome"] for item in _logged(url)] == [1, 0, 1]


def test_a_late_redelivery_overturns_no_correction(url: str, told: Any) -> None:
    first, second = outcome(value=0), outcome(value=1, observed_at="2026-11-20T10:00:00.5Z")
    assert [item["status"] for item in told(first, second)] == ["recorded", "corrected"]
    assert told(first) == [{"decision_id": "d1", "status": "unchanged", "correction": 1}]
    assert [item["status"] for item in told(first, second, first)] == ["unchanged"] * 3
    assert [item["outcome"] for item in _logged(url)] == [0, 1]


def test_a_correction_of_what_was_observed_later_is_still_recorded(url: str, told: Any) -> None:
    told(outcome(value=0), outcome(value=1, observed_at="2026-11-20T11:00:00Z"))
    assert told(outcome(value=0, observed_at="2026-11-20T12:00:00Z"))[0]["status"] == "corrected"
    assert [item["outcome"] for item in _logged(url)] == [0, 1, 0]


def test_outcomes_of_one_request_are_told_one_after_the_other(told: Any) -> None:
    answers = told(outcome(value=1), outcome(value=1), outcome(value=0), outcome(2))
    assert [item["status"] for item in answers] == ["recorded", "unchanged", "corrected", "recorded"]


def test_a_bad_outcome_never_fails_its_neighbours(url: str, told: Any) -> None:
    answers = told(outcome(1), outcome(99), outcome(2, value="late"), "nonsense", outcome(3))
    assert [item["status"] for item in answers] == ["recorded", 404, 422, 422, "recorded"]
    assert answers[1] == {
        "decision_id": "d99",
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no decision of small_loans has the id 'd99'",
        "request_id": "request-9",
    }
    assert answers[2]["errors"][0]["message"] == "outcome='late' is not one of: 1, 0"
    assert len(_logged(url)) == 2


def test_what_cannot_be_an_id_is_not_repeated(told: Any) -> None:
    for named in ("\ud800", "x" * 65, "d 1", 5):
        (answer,) = told({**outcome(), "decision_id": named})
        assert "decision_id" not in answer
        assert answer["errors"][0]["field"] == "decision_id"
        assert json.dumps(answer, ensure_ascii=False).encode()


def test_a_decision_of_another_use_case_is_not_found(told: Any) -> None:
    assert told(outcome(7))[0]["detail"] == "no decision of small_loans has the id 'd7'"


def test_what_was_observed_before_the_decision_is_refused(told: Any) -> None:
    (answer,) = told(outcome(1, observed_at="2026-11-20T07:50:00Z"))
    assert answer["status"] == 422
    assert answer["detail"] == (
        "observed_at=2026-11-20T07:50:00Z is not at or after the decision, which was made at 2026-11-20T08:01:00Z"
    )


def test_clocks_may_differ_by_five_minutes(told: Any) -> None:
    assert told(outcome(1, observed_at="2026-11-20T07:56:00Z"))[0]["status"] == "recorded"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": None}, "outcome is null; it must be one of: 1, 0"),
        ({"outcome": True}, "outcome=true is not one of: 1, 0"),
        ({"outcome": "1"}, "outcome='1' is not one of: 1, 0"),
        ({"outcome": [1]}, "outcome=[1] is not one of: 1, 0"),
        ({"observed_at": "2026-11-20"}, "observed_at='2026-11-20' is not a time with its zone, such as"),
        ({"observed_at": "2026-11-20T10:00:00"}, "observed_at='2026-11-20T10:00:00' is not a time with"),
        ({"observed_at": "2026-02-30T10:00:00Z"}, "observed_at='2026-02-30T10:00:00Z' is not a time"),
        ({"observed_at": 5}, "observed_at=5 is not a time with its zone"),
        (
            {"observed_at": "2026-11-21T00:46:00Z"},
            "observed_at='2026-11-21T00:46:00Z' is not a time that is over; it is now 2026-11-21T00:40:00Z",
        ),
        ({"decision_id": ""}, "decision_id='' is not the id of a decision"),
        ({"decision_id": "d\0"}, "is not the id of a decision"),
        ({"decision_id": 5}, "decision_id=5 is not the id of a decision"),
        ({"source": " "}, "source=' ' is not text of 1 to 200 characters"),
        ({"amount": 5}, "amount is not a field of this"),
    ],
)
def test_a_wrong_field_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StatementRefused) as refused:
        read_outcome({**outcome(), **change}, CONTRACT, NOW)
    (found,) = refused.value.findings
    assert found.field == next(iter(change))
    assert message in found.message


def test_every_missing_field_is_named() -> None:
    with pytest.raises(StatementRefused) as refused:
        read_outcome({}, CONTRACT, NOW)
    assert [item.message for item in refused.value.findings] == [
        "decision_id is missing",
        "outcome is missing",
        "observed_at is missing",
    ]


def test_a_whole_number_is_the_same_outcome_as_its_float() -> None:
    assert read_outcome(outcome(value=1.0), CONTRACT, NOW).value == 1
    assert type(read_outcome(outcome(value=1.0), CONTRACT, NOW).value) is int


@given(body=st.fixed_dictionaries({}, optional=dict.fromkeys((*FIELDS, "x", "\ud800"), JSON)) | JSON)
def test_whatever_json_is_told_is_read_or_refused_in_words_that_can_be_sent(body: Any) -> None:
    for read in (lambda: read_outcome(body, CONTRACT, NOW), lambda: read_review(body, NOW)):
        refused = _refusal(read)
        findings = [item.as_json() for item in refused.findings] if refused else []
        assert json.dumps(findings, ensure_ascii=False).encode() is not None


def test_of_unknown_fields_a_few_are_named() -> None:
    with pytest.raises(StatementRefused) as refused:
        read_outcome({**outcome(), **dict.fromkeys(map(str, range(1_000)))}, CONTRACT, NOW)
    assert [item.field for item in refused.value.findings] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"outcomes": []}, {"outcomes": {}}, {"outcomes": [{}], "x": 1}]
)
def test_a_body_of_another_form_is_refused_as_a_whole(body: Any) -> None:
    with pytest.raises(ProblemError) as refused:
        asyncio.run(answer_outcomes(None, CONTRACT, body, TELLER))  # type: ignore[arg-type]  # it is not asked
    assert refused.value.status == 422
    assert refused.value.detail == 'the body must be {"outcomes": [...]} with 1 to 1000 outcomes'


def test_of_many_who_tell_the_same_at_once_one_records_it(url: str, tmp_path: Path) -> None:
    write(url, [decision(1)])

    async def race(log: DecisionLog, other: DecisionLog) -> list[str]:
        asked = [
            answer_outcomes(one, CONTRACT, {"outcomes": [outcome()]}, TELLER) for one in (log, other) * 10
        ]
        return sorted([answer["results"][0]["status"] for answer in await asyncio.gather(*asked)])

    other = open_log(url, spool=tmp_path / "other", when_down="closed", about={})
    other.start()
    statuses = with_log(url, tmp_path, lambda log: race(log, other))
    assert other.close()
    assert statuses == ["recorded", *["unchanged"] * 19]
    assert len(_logged(url)) == 1


def test_of_many_who_correct_at_once_each_has_a_number_of_its_own(url: str, tmp_path: Path) -> None:
    write(url, [decision(1)])

    async def race(log: DecisionLog, other: DecisionLog) -> list[int]:
        moments = [f"2026-11-20T10:00:{second:02}Z" for second in range(20)]
        asked = [
            answer_outcomes(one, CONTRACT, {"outcomes": [outcome(observed_at=moment)]}, TELLER)
            for moment, one in zip(moments, (log, other) * 10, strict=True)
        ]
        return sorted([answer["results"][0]["correction"] for answer in await asyncio.gather(*asked)])

    other = open_log(url, spool=tmp_path / "other", when_down="closed", about={})
    other.start()
    corrections = with_log(url, tmp_path, lambda log: race(log, other))
    assert other.close()
    assert corrections == list(range(20))


def test_while_the_log_is_down_nothing_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    log = open_log(
        f"sqlite:///{tmp_path / 'folder' / 'log.db'}", spool=tmp_path, when_down="closed", about={}
    )
    log.start()
    with pytest.raises(LogDown):
        asyncio.run(answer_outcomes(log, CONTRACT, {"outcomes": [outcome()]}, TELLER))
    log.close()


def test_a_command_records_outcomes_as_the_door_does(url: str) -> None:
    write(url, [decision(1)])
    read = [read_outcome(outcome(), CONTRACT, NOW)]
    with writing(url, "tests", NOW) as scribe:
        (result,) = scribe.write(resolve_outcomes(CONTRACT, read, TELLER), ["d1"])
    assert result.to_json() == {"decision_id": "d1", "status": "recorded", "correction": 0}
    assert verified(url).holds


def _logged(url: str) -> list[dict[str, Any]]:
    with reading(url) as connection:
        found = [item.details for item in entries(connection, Selection((Kind.OUTCOME,)))]
    return sorted(found, key=lambda item: item["correction"])


def _refusal(read: Callable[[], Any]) -> StatementRefused | None:
    try:
        read()
    except StatementRefused as refused:
        return refused
    return None
