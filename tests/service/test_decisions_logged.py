"""What was answered over HTTP stands in the log, and nothing else does."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.decision_log.anchors import read_anchors
from service.scoring.schema import example_record
from service.scoring.scorer import Scorer
from tests.processes import Home, post, web
from tests.service.records import Record, problem, records
from training.use_cases import use_cases

USE_CASE = "credit_risk"
RECORD = example_record(use_cases()[USE_CASE].contract)
WRONG = {**RECORD, "loan_grade": "my own secret", "nickname": "Ana"}


@dataclass(frozen=True)
class Logged:
    """A server with a decision log of its own."""

    url: str
    home: Home

    @property
    def file(self) -> Path:
        return self.home.folder / "aval" / "decisions.db"

    @property
    def output(self) -> str:
        return "".join(file.read_text() for file in self.home.folder.glob("server-*.log"))

    def entries(self, about: str | None = None, **where: Any) -> list[dict[str, Any]]:
        """Return the entries, in their order, with `inputs` and `personal` as they were logged."""
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute("select * from entries order by writer, seq")]
            for entry in found:
                parts = connection.execute(
                    "select part, body from records where writer = ? and seq = ?",
                    (entry["writer"], entry["seq"]),
                )
                entry.update({part: json.loads(body) for part, body in parts})
        wanted = {**({"about": about} if about else {}), **where}
        return [entry for entry in found if all(entry[name] == value for name, value in wanted.items())]


def home_with_champion(quick_home: Callable[[str], Home], folder: Path) -> Home:
    """Return a home of its own that has this session's models."""
    shutil.copytree(quick_home(USE_CASE).bentoml_home, folder / "bentoml")
    return Home(folder)


@pytest.fixture(scope="module")
def logged(quick_home: Callable[[str], Home], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    home = home_with_champion(quick_home, tmp_path_factory.mktemp("logged"))
    with home.serve(USE_CASE) as url:
        yield Logged(url, home)


@contextmanager
def serving(quick_home: Callable[[str], Home], folder: Path, **settings: str) -> Iterator[Logged]:
    home = home_with_champion(quick_home, folder)
    with home.serve(USE_CASE, **settings) as url:
        yield Logged(url, home)


def decided(url: str, record: Record = RECORD, **headers: str) -> httpx.Response:
    answer = post(f"{url}/predict", record, {name.replace("_", "-"): text for name, text in headers.items()})
    assert answer.status_code == 200, answer.text
    return answer


def test_a_decision_stands_in_the_log_with_all_that_repeats_it(logged: Logged) -> None:
    answer = decided(logged.url).json()
    [entry] = logged.entries(answer["decision_id"])
    assert entry["kind"] == "decision"
    assert entry["probability"] == answer["probability"]
    for name in ("use_case", "decision", "model", "policy", "contract", "request_id"):
        assert entry[name] == answer[name], name
    reasons = [[reason["code"], reason["feature"]] for reason in answer["reasons"]]
    assert json.loads(entry["details"])["reasons"] == reasons
    assert abs(entry["at"] / 1e6 - time.time()) < 30


def test_the_record_is_logged_as_sent_with_personal_columns_apart(logged: Logged) -> None:
    [entry] = logged.entries(decided(logged.url).json()["decision_id"])
    assert entry["personal"] == {"person_age": RECORD["person_age"]}
    assert {**entry["inputs"], **entry["personal"]} == RECORD


def test_what_the_contract_ignores_is_not_kept_whatever_it_is(served: Callable[[str], str]) -> None:
    # The shared server: its log is read by the commands elsewhere. Here it must only answer.
    body = json.dumps({**records("card_default")[0], "ID": float("nan")}).encode()
    assert post(f"{served('card_default')}/predict", body).status_code == 200


def test_a_refused_record_is_logged_without_any_of_its_values(logged: Logged) -> None:
    answer = post(f"{logged.url}/predict", WRONG, {"x-request-id": "refused-1"})
    assert answer.status_code == 422
    [entry] = logged.entries(request_id="refused-1")
    assert (entry["kind"], entry["probability"], entry["decision"]) == ("refusal", None, None)
    assert json.loads(entry["details"])["findings"] == [["loan_grade", "level"], ["(unknown)", "unknown"]]
    assert "secret" not in str(entry)
    assert "nickname" not in str(entry)


def test_what_is_no_record_at_all_is_not_logged(logged: Logged) -> None:
    post(f"{logged.url}/predict", b"{", {"x-request-id": "unreadable-1"})
    assert logged.entries(request_id="unreadable-1") == []


def test_a_bulk_is_logged_record_by_record_in_its_order(logged: Logged) -> None:
    sent = [*records(USE_CASE)[:3], WRONG]
    answer = post(f"{logged.url}/predict_bulk", {"records": sent}, {"x-request-id": "bulk-1"})
    ids = [result.get("decision_id") for result in answer.json()["results"]]
    found = logged.entries(request_id="bulk-1")
    assert [entry["about"] for entry in found[:3]] == ids[:3]
    assert [entry["kind"] for entry in found] == ["decision"] * 3 + ["refusal"]
    assert [{**entry["inputs"], **entry["personal"]} for entry in found[:3]] == sent[:3]


def test_ids_are_in_the_order_of_time(logged: Logged) -> None:
    ids = []
    for _ in range(3):
        ids.append(decided(logged.url).json()["decision_id"])
        time.sleep(0.002)
    assert ids == sorted(ids)


def test_reasons_come_in_the_language_that_is_asked_for(logged: Logged) -> None:
    refused = next(
        record for record in records(USE_CASE) if decided(logged.url, record).json()["decision"] != "approve"
    )
    english, spanish = (
        decided(logged.url, refused, accept_language=language).json()["reasons"]
        for language in ("en", "es-MX")
    )
    assert [reason["code"] for reason in english] == [reason["code"] for reason in spanish]
    assert english[0]["text"] != spanish[0]["text"]


# Idempotency-Key


def test_the_same_key_gives_the_first_answer_again_and_logs_nothing(logged: Logged) -> None:
    first = decided(logged.url, idempotency_key="k-1")
    again = decided(logged.url, idempotency_key="k-1")
    assert again.content == first.content
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (
        None,
        "true",
    )
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert logged.entries(request_id=again.headers["x-request-id"]) == []


def test_the_same_key_with_another_body_is_a_conflict_and_logs_nothing(logged: Logged) -> None:
    decided(logged.url, idempotency_key="k-2")
    other = {**RECORD, "loan_amnt": 9_000}
    headers = {"idempotency-key": "k-2", "x-request-id": "conflict-1"}
    assert "another body" in problem(post(f"{logged.url}/predict", other, headers), 409)["detail"]
    assert logged.entries(request_id="conflict-1") == []


def test_a_refused_record_does_not_use_its_key_up(logged: Logged) -> None:
    assert post(f"{logged.url}/predict", WRONG, {"idempotency-key": "k-3"}).status_code == 422
    decided(logged.url, idempotency_key="k-3")


def test_a_bulk_is_repeated_as_a_whole(logged: Logged) -> None:
    sent, headers = {"records": [RECORD, WRONG]}, {"idempotency-key": "k-4"}
    first, again = (post(f"{logged.url}/predict_bulk", sent, headers) for _ in range(2))
    assert first.content == again.content


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
def test_a_key_that_is_none_is_refused(logged: Logged, key: str) -> None:
    answer = post(f"{logged.url}/predict", RECORD, {"idempotency-key": key})
    assert "Idempotency-Key must be 1 to 255" in problem(answer, 400)["detail"]


def test_a_key_holds_across_workers_and_restarts(quick_home: Callable[[str], Home], tmp_path: Path) -> None:
    home = home_with_champion(quick_home, tmp_path)
    answers = set()
    for _ in range(2):
        with home.serve(USE_CASE, AVAL_WORKERS="2") as url:
            # A new connection each time: the two workers take turns as they please.
            answers |= {decided(url, idempotency_key="k").content for _ in range(12)}
    assert len(answers) == 1
    assert len(Logged("", home).entries(kind="decision")) == 1


# Where the log cannot be written


def test_while_the_log_is_down_nothing_is_decided_and_then_all_is_well_again(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    with serving(quick_home, tmp_path) as server, closing(sqlite3.connect(server.file)) as other:
        other.execute("begin exclusive")
        answer = post(f"{server.url}/predict", RECORD, {"x-request-id": "down-1"})
        assert "nothing was decided" in problem(answer, 503)["detail"]
        assert int(answer.headers["retry-after"]) >= 1
        problem(web.get(f"{server.url}/readyz"), 503)
        assert web.get(f"{server.url}/livez").status_code == 200
        other.rollback()
        deadline = time.monotonic() + 20
        while web.get(f"{server.url}/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        decided(server.url)
        assert server.entries(request_id="down-1") == []


def test_with_open_the_log_may_be_down_and_catches_up(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    with serving(quick_home, tmp_path, AVAL_DECISION_LOG_DOWN="open") as server:
        with closing(sqlite3.connect(server.file)) as other:
            other.execute("begin exclusive")
            ids = {decided(server.url).json()["decision_id"] for _ in range(3)}
            assert web.get(f"{server.url}/readyz").status_code == 200
            other.rollback()
        deadline = time.monotonic() + 20
        while {entry["about"] for entry in server.entries()} != ids:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_log_that_is_off_writes_nothing(quick_home: Callable[[str], Home], tmp_path: Path) -> None:
    with serving(quick_home, tmp_path, AVAL_DECISION_LOG="off") as server:
        decided(server.url)
        assert not server.file.exists()
        answer = post(f"{server.url}/predict", RECORD, {"idempotency-key": "k"})
        assert "needs the decision log" in problem(answer, 400)["detail"]


def test_a_worker_that_ends_says_where_its_chain_ends(
    quick_home: Callable[[str], Home], tmp_path: Path
) -> None:
    with serving(quick_home, tmp_path) as server:
        decided(server.url)
    last = server.entries()[-1]
    head = read_anchors(server.output.splitlines(), "the server's output")[-1].head
    assert (head.writer, head.seq, head.hash) == (last["writer"], last["seq"], last["hash"])


# What is told of it


def test_a_requests_line_has_its_ids_and_nothing_of_the_record(logged: Logged) -> None:
    answer = decided(logged.url, x_request_id="line-1").json()
    web.get(f"{logged.url}/person/Ana?name=Ana")
    deadline = time.monotonic() + 5
    while '"route":"other"' not in logged.output and time.monotonic() < deadline:
        time.sleep(0.05)
    lines = [json.loads(line) for line in logged.output.splitlines() if '"request_id"' in line]
    [line] = [line for line in lines if line["request_id"] == "line-1"]
    assert (line["route"], line["status"], line["decision_id"]) == ("/predict", 200, answer["decision_id"])
    assert "Ana" not in logged.output
    assert "my own secret" not in logged.output


def test_metrics_tell_of_decisions_refusals_and_the_log(logged: Logged) -> None:
    decided(logged.url)
    post(f"{logged.url}/predict", WRONG)
    text = web.get(f"{logged.url}/metrics").text
    assert 'aval_refused_fields_total{code="level",field="loan_grade"}' in text
    assert 'aval_refused_fields_total{code="unknown",field="(unknown)"}' in text
    assert "nickname" not in text
    assert 'aval_requests_total{method="POST",route="/predict",status="200"}' in text
    assert "aval_log_up 1.0" in text
    assert float(re.findall(r"^aval_log_entries_total (\S+)", text, re.MULTILINE)[0]) >= 2
    assert f'model="{decided(logged.url).json()["model"]}"' in text


def test_an_explanation_is_logged_and_counts_as_no_decision(logged: Logged) -> None:
    def counted() -> float:
        text = web.get(f"{logged.url}/metrics").text
        return sum(
            float(value) for value in re.findall(r"^aval_decisions_total.* (\S+)$", text, re.MULTILINE)
        )

    before, answer = counted(), post(f"{logged.url}/explain", RECORD)
    assert answer.status_code == 200, answer.text
    [entry] = logged.entries(answer.json()["explanation_id"])
    assert (entry["kind"], entry["probability"]) == ("explanation", answer.json()["probability"])
    assert counted() == before


# The shadow


def test_the_shadow_scores_the_same_records_and_is_seen_by_nobody(
    quick_home: Callable[[str], Home], quick_scorer: Callable[..., Scorer], tmp_path: Path
) -> None:
    from service.model_store import save_bundle
    from tests.conftest import quick_training

    trained = quick_training(USE_CASE, "logistic_regression")
    shadow = save_bundle(trained.files, USE_CASE, {"use_case": USE_CASE})
    with serving(quick_home, tmp_path, AVAL_SHADOW=shadow) as server:
        answers = [decided(server.url, record).json() for record in records(USE_CASE)[:5]]
        deadline = time.monotonic() + 10
        while len(server.entries(kind="shadow")) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert {answer["model"] for answer in answers} == {quick_scorer(USE_CASE).tag}
        for answer, record in zip(answers, records(USE_CASE), strict=False):
            [entry] = server.entries(answer["decision_id"], kind="shadow")
            assert entry["model"] == shadow
            assert entry["probability"] == trained.scorer.score(record).probability
        assert 'aval_shadow_total{result="scored"} 5.0' in web.get(f"{server.url}/metrics").text
