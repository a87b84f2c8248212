from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.load.mix import BULK, EXPLAIN, IN_BULK, OUTCOMES, PREDICT, Call, Case, Mix, read_cases, write_cases
from tests.load.samples import Kind

CASES = [Case({"number": number}, number % 2) for number in range(7)]
DECIDED = json.dumps({"decision_id": "d", "decision": "approve"}).encode()


def test_calls_come_in_the_weights_of_the_mix() -> None:
    mix = Mix(CASES, {PREDICT: 8, EXPLAIN: 2})
    asked = [mix.next().path for _ in range(2_000)]
    assert asked.count(EXPLAIN) == pytest.approx(400, rel=0.1)
    assert asked.count(EXPLAIN) + asked.count(PREDICT) == 2_000


def test_the_order_is_the_same_in_every_run() -> None:
    one, other = (Mix(CASES, {PREDICT: 3, BULK: 1, EXPLAIN: 1}) for _ in range(2))
    assert [one.next() for _ in range(50)] == [other.next() for _ in range(50)]


def test_every_record_has_its_turn() -> None:
    mix = Mix(CASES, {PREDICT: 1})
    assert [json.loads(mix.next().body)["number"] for _ in range(8)] == [0, 1, 2, 3, 4, 5, 6, 0]
    assert len(json.loads(Mix(CASES, {BULK: 1}).next().body)["records"]) == IN_BULK


def test_before_there_are_decisions_no_outcome_is_told() -> None:
    assert Mix(CASES, {OUTCOMES: 1}).next().path == PREDICT


def test_the_outcome_that_is_told_is_the_one_of_the_record_that_was_decided_and_is_told_once() -> None:
    mix = Mix(CASES, {OUTCOMES: 1})
    for number in (4, 1, 2):
        mix.judge(Call(PREDICT, b"", CASES[number]), 200, json.dumps({"decision_id": f"d{number}"}).encode())
    told = json.loads(mix.next().body)["outcomes"]
    assert [(one["decision_id"], one["outcome"]) for one in told] == [("d4", 0), ("d1", 1), ("d2", 0)]
    assert mix.next().path == PREDICT


def test_outcomes_have_the_form_that_the_service_takes() -> None:
    mix = Mix(CASES, {OUTCOMES: 1})
    mix.judge(mix.next(), 200, DECIDED)
    (told,) = json.loads(mix.next().body)["outcomes"]
    assert (told["decision_id"], told["outcome"]) == ("d", 0)
    assert datetime.fromisoformat(told["observed_at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("path", "status", "content", "kind"),
    [
        (PREDICT, 200, DECIDED, Kind.ANSWERED),
        (PREDICT, 200, b"{}", Kind.WRONG),
        (PREDICT, 200, b"[]", Kind.WRONG),
        (PREDICT, 204, b"", Kind.WRONG),
        (PREDICT, 302, b"", Kind.WRONG),
        (PREDICT, 422, b"{}", Kind.REFUSED),
        (PREDICT, 429, b"{}", Kind.LIMITED),
        (PREDICT, 503, b"{}", Kind.FAILED),
        (BULK, 200, b'{"results": [{"decision": "approve"}]}', Kind.ANSWERED),
        (BULK, 200, b'{"results": [{"decision": "approve"}, {"status": 422}]}', Kind.WRONG),
        (OUTCOMES, 200, b'{"results": [{"status": "recorded", "correction": 0}]}', Kind.ANSWERED),
        (OUTCOMES, 200, b'{"results": [{"status": 404, "detail": "no such decision"}]}', Kind.WRONG),
        (EXPLAIN, 200, b'{"contributions": []}', Kind.ANSWERED),
    ],
)
def test_an_answer_is_judged_by_its_status_and_by_what_is_in_it(
    path: str, status: int, content: bytes, kind: Kind
) -> None:
    assert Mix(CASES, {PREDICT: 1}).judge(Call(path, b""), status, content)[0] is kind


def test_a_refused_record_of_many_is_told_in_the_words_of_the_service() -> None:
    content = b'{"results": [{"decision": "approve"}, {"detail": "loan_grade=\'Z\' is not one of: A"}]}'
    told = Mix(CASES, {BULK: 1}).judge(Call(BULK, b""), 200, content)[1]
    assert told == "200, but: loan_grade='Z' is not one of: A"


def test_cases_are_read_as_they_were_written(tmp_path: Path) -> None:
    cases = [Case({"a b": 1.5, "c": None}, "bad"), Case({"a b": 2, "c": "ñ"})]
    assert read_cases(write_cases(cases, tmp_path / "cases.jsonl")) == cases
