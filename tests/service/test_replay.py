from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.decision_log import Head
from service.decision_log.entries import Part
from service.decision_log.erasure import Wish, erase
from service.decision_log.orders import place, prepare
from service.decision_log.reading import Logged, entries, reading
from service.decision_log.scribe import writing
from service.errors import NoSuchModel
from service.model_store import load_scorer, save_bundle, with_policy
from service.policy_store import PolicyOrigin, save_policy
from service.replay import Difference, Replayed, redecide, replay
from service.scoring.policy import Costs, Policy
from service.scoring.scorer import Scorer
from tests.processes import Home
from tests.service.batch.batch_scorers import linear_predictor, make_scorer, random_table
from tests.service.decision_log.written_log import BEGIN, alter
from tests.service.decision_log.written_log import decision as decided
from tests.service.records import records
from tests.service.replayed_log import DECISIONS, logged, replayed

CASE = "credit_risk"
MANY = 10_000
STRICTER = Policy("stricter", 0.02, 0.1)
COSTS = Costs(10.0, 2.0, 0.5, "USD")
ORIGIN = PolicyOrigin("2026-11-21T09:00:00+00:00", "tests", "a change", None, {}, f"{CASE}:0", None)


@pytest.fixture
def home(quick_home: Callable[[str], Home]) -> Path:
    """The store of this session, with a champion of credit risk."""
    return quick_home(CASE).bentoml_home


@pytest.fixture
def log(tmp_path: Path) -> str:
    """The address of a log that is not there yet."""
    return f"sqlite:///{tmp_path / 'log.db'}"


def other_model(quick: Callable[..., Any], home: Path) -> Scorer:
    """Store another model of credit risk and return it as the store gives it."""
    trained = quick(CASE, "logistic_regression")
    return load_scorer(save_bundle(trained.files, CASE, {"use_case": CASE}), home)


def test_ten_thousand_decisions_of_two_models_and_a_policy_change_come_out_the_same_bit_for_bit(
    log: str, home: Path, quick: Callable[..., Any]
) -> None:
    champion, challenger = load_scorer(CASE, home), other_model(quick, home)
    changed = with_policy(champion, save_policy(CASE, STRICTER, ORIGIN, home), home)
    some = records(CASE, 2_500)
    logged(log, (champion, challenger, changed, challenger), (row for row in some for _ in range(4)))
    done = replayed(log, home)
    assert (done.decisions, done.same, done.different) == (MANY, MANY, 0)
    assert (done.erased, done.unavailable.total()) == (0, 0)


@pytest.mark.parametrize(
    ("column", "other", "what"),
    [
        ("probability", "probability * 1.0000000000000002 + 1e-17", "probability"),
        ("decision", "CASE decision WHEN 'approve' THEN 'refer' ELSE 'approve' END", "decision"),
        ("details", """'{"reasons":[["INCOME","person_income"]]}'""", "reasons"),
        ("contract", "'0000000000000000'", "contract"),
    ],
)
def test_a_decision_that_comes_out_otherwise_is_told(
    log: str, home: Path, column: str, other: str, what: str
) -> None:
    about = logged(log, [load_scorer(CASE, home)], records(CASE)[:5])[2]
    alter(log, "entries", {column: other}, "about = :about", about=about)
    told: list[Difference] = []
    done = replayed(log, home, each=told.append)
    assert (done.same, done.different, done.holds) == (4, 1, False)
    assert told == done.listed
    assert (told[0].decision_id, told[0].what) == (about, what)
    assert told[0].logged != told[0].replayed


def test_an_altered_record_comes_out_otherwise_or_is_refused(log: str, home: Path) -> None:
    first, second, *_ = logged(log, [load_scorer(CASE, home)], records(CASE)[:3])
    with reading(log) as connection:
        before = {item.row.about: item for item in entries(connection, DECISIONS)}
    for about, income in ((first, 1e7), (second, -1)):
        body = json.dumps({**(before[about].inputs or {}), "person_income": income})
        where = "part = 'inputs' AND seq = :seq"
        alter(log, "records", {"body": f"'{body}'"}, where, seq=before[about].row.seq)
    found = {item.decision_id: item for item in replayed(log, home).listed}
    assert found[first].what == "probability"
    assert str(found[second].replayed).startswith("refused: person_income=-1")


def test_reasons_are_left_out_where_they_are_not_asked_for(log: str, home: Path) -> None:
    logged(log, [load_scorer(CASE, home)], records(CASE)[:20])
    alter(log, "entries", {"details": "'{}'"})
    assert replayed(log, home, reasons=False).same == 20
    assert replayed(log, home).different > 0


def test_an_erased_record_is_counted_apart(log: str, home: Path) -> None:
    abouts = logged(log, [load_scorer(CASE, home)], records(CASE)[:5])
    _erase(log, abouts[:2], (Part.INPUTS,))
    done = replayed(log, home)
    assert (done.same, done.erased, done.different, done.holds) == (3, 2, 0, True)


def test_without_its_personal_part_a_decision_is_replayed_where_the_model_does_not_need_it(
    log: str, home: Path
) -> None:
    given = [{**row, "person_age": 30} for row in records(CASE)[:3]]
    _erase(log, logged(log, [load_scorer(CASE, home)], given), (Part.PERSONAL,))
    done = replayed(log, home)
    assert (done.same, done.erased) == (3, 0)


def test_without_its_personal_part_a_decision_that_looked_at_the_hour_is_counted_apart(log: str) -> None:
    scorer = make_scorer(linear_predictor())
    _erase(log, logged(log, [scorer], random_table(3).to_pylist()), (Part.PERSONAL,))
    with reading(log) as connection:
        done = replay(entries(connection, DECISIONS), lambda tag, policy: scorer)
    assert (done.same, done.different, done.erased, done.holds) == (0, 0, 3, False)


def test_a_replay_of_no_decision_found_nothing_wrong() -> None:
    assert Replayed().holds


def test_a_model_that_is_gone_is_named_and_counted_apart(log: str, home: Path) -> None:
    logged(log, [load_scorer(CASE, home)], records(CASE)[:5])
    alter(log, "entries", {"model": "'credit_risk:0123456789abcdef'"}, "seq > 3")
    done = replayed(log, home)
    assert (done.same, done.different, done.holds) == (3, 0, True)
    assert dict(done.unavailable) == {
        "the model store holds no credit_risk:0123456789abcdef; run: aval promote credit_risk": 2
    }


def test_a_policy_that_is_gone_is_named_and_counted_apart(log: str, home: Path) -> None:
    logged(log, [load_scorer(CASE, home)], records(CASE)[:2])
    alter(log, "entries", {"policy": "'least-cost-00000000'"})
    (why,) = replayed(log, home).unavailable
    assert why.startswith("credit_risk has no stored policy 'least-cost-00000000'")


def test_an_altered_bundle_is_named_and_not_used(log: str, home: Path, quick: Callable[..., Any]) -> None:
    scorer = other_model(quick, home)
    logged(log, [scorer], records(CASE)[:2])
    file = home / "models" / scorer.tag.replace(":", "/") / "predictor.json"
    content = file.read_bytes()
    file.write_bytes(content.replace(b"0.1", b"0.2"))
    try:
        done = replayed(log, home)
    finally:
        file.write_bytes(content)
    assert (done.same, done.different, done.unavailable.total()) == (0, 0, 2)
    (why,) = done.unavailable
    assert why.startswith(f"{scorer.tag} was not loaded: predictor.json was changed")


def test_each_bundle_is_loaded_once(log: str, home: Path) -> None:
    asked: list[tuple[str, str]] = []
    scorer = load_scorer(CASE, home)

    def load(tag: str, policy: str) -> Scorer:
        asked.append((tag, policy))
        return scorer

    logged(log, [scorer], records(CASE)[:9])
    with reading(log) as connection:
        replay(entries(connection, DECISIONS), load)
    assert asked == [(scorer.tag, scorer.policy.version)]


def test_a_loader_that_finds_nothing_is_asked_once(log: str, home: Path) -> None:
    asked: list[str] = []

    def load(tag: str, policy: str) -> Scorer:
        asked.append(tag)
        raise NoSuchModel("gone")

    logged(log, [load_scorer(CASE, home)], records(CASE)[:9])
    with reading(log) as connection:
        assert replay(entries(connection, DECISIONS), load).unavailable == {"gone": 9}
    assert len(asked) == 1


def test_another_policy_is_asked_what_it_would_have_decided_and_at_what_cost() -> None:
    given = [
        _logged(0.01, "approve"),
        _logged(0.05, "approve"),
        _logged(0.05, "refer"),
        _logged(0.5, "decline"),
    ]
    told: list[Difference] = []
    done = redecide(given, STRICTER, COSTS, each=told.append)
    assert done.counts == {
        "approve": {"approve": 1, "refer": 1, "decline": 0},
        "refer": {"approve": 0, "refer": 1, "decline": 0},
        "decline": {"approve": 0, "refer": 0, "decline": 1},
    }
    assert (done.decisions, done.changed) == (4, 1)
    assert done.cost_before == pytest.approx(0.1 + 0.5 + 0.5 + 1.0)
    assert done.cost_after == pytest.approx(0.1 + 0.5 + 0.5 + 1.0)
    assert [(item.logged, item.replayed, item.policy) for item in told] == [
        ("approve", "refer", STRICTER.version)
    ]


def test_reviews_without_a_stated_cost_leave_the_expected_cost_unknown() -> None:
    done = redecide([_logged(0.05, "approve")], STRICTER, replace(COSTS, review=None))
    assert done.cost_after is None
    assert done.cost_before == pytest.approx(0.5)


def test_another_policy_needs_no_record_and_no_bundle(log: str, home: Path) -> None:
    abouts = logged(log, [load_scorer(CASE, home)], records(CASE)[:20])
    _erase(log, abouts, tuple(Part))
    with reading(log) as connection:
        assert redecide(entries(connection, DECISIONS), STRICTER, COSTS).decisions == 20


def _logged(probability: float, decision: str) -> Logged:
    row, _ = place(prepare(decided(1, verdict=decision, probability=probability)), Head("writer"))
    return Logged(row, None, None)


def _erase(url: str, abouts: list[str], parts: tuple[Part, ...]) -> None:
    with writing(url, "tests", BEGIN) as scribe:
        scribe.write(erase(Wish(abouts, parts, "asked", "tests", BEGIN)))
