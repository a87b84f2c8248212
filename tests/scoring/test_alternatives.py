from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.scoring.alternatives import MOST_SCORED, Alternative, alternatives
from service.scoring.calibration import Calibrator
from service.scoring.contract import Contract
from service.scoring.policy import DECISIONS, Policy
from service.scoring.predictors.linear import LevelTerm, LinearPredictor, NumberTerm
from service.scoring.profile import make_profile
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid
from tests.scoring.ensembles import scorer_of
from tests.scoring.lending import LENDING, RECORD, RECORDS
from tests.scoring.strategies import USUAL, contracts, good_records

OUTCOME = {"name": "bad", "bad": [1], "good": [0]}
LOAN: list[dict[str, Any]] = [
    {"name": "income", "type": "number", "minimum": 1},
    {"name": "amount", "type": "integer", "minimum": 1, "maximum": 5000},
    {
        "name": "share",
        "type": "number",
        "minimum": 0,
        "maximum": 5,
        "follows": ["amount", "income"],
        "nullable": True,
    },
    {"name": "home", "type": "category", "levels": ["own", "rent", "NA"], "null_level": "NA"},
    {"name": "past", "type": "number", "changeable": False},
    {"name": "sex", "type": "category", "role": "protected", "levels": ["f", "m"]},
]
LOAN_RECORD: dict[str, Any] = {
    "income": 1000.0,
    "amount": 2000,
    "share": 2.0,
    "home": "rent",
    "past": 3.0,
    "sex": "f",
}


def loan_scorer(weights: dict[str, float], **changes: Any) -> Scorer:
    """A scorer whose raw score is the sum of weight times value, and is 0 for the record above."""
    contract = Contract.model_validate(
        {"use_case": "loan", "title": "Loan", "columns": LOAN, "outcome": OUTCOME} | changes
    )
    made = scorer_of(contract, "linear", 0)
    rng, rows = np.random.default_rng(3), 2_000
    columns = {
        "income": rng.uniform(500, 4000, rows).round(2),
        "amount": rng.integers(100, 4000, rows).astype(float),
        "share": rng.uniform(0, 3, rows),
        "home": rng.integers(0, 2, rows).astype(float),
        "past": rng.uniform(0, 9, rows),
    }
    matrix = np.column_stack([columns[name] for name in contract.inputs])
    terms: list[NumberTerm | LevelTerm] = [
        LevelTerm((-weights.get(name, 0.0), 0.0, -2 * weights.get(name, 0.0)), 0.0)
        if name == "home"
        else NumberTerm(weights.get(name, 0.0), float(LOAN_RECORD[name]), -1e9, 1e9, 0.0)
        for name in contract.inputs
    ]
    profile = make_profile(contract, matrix, np.full(rows, 0.5), 0.3)
    predictor = LinearPredictor(0.0, terms)
    return replace(
        made, predictor=predictor, calibrator=Calibrator(), profile=profile, policy=Policy("p", 0.4, 0.8)
    )


def by_field(found: tuple[Alternative, ...]) -> dict[str, Alternative]:
    return {item.feature: item for item in found}


def test_an_approved_record_has_no_alternatives(scorer: Scorer) -> None:
    assert all(alternatives(scorer, record, Policy("p", 1.0, 1.0)) == () for record in RECORDS[:5])


def test_every_alternative_is_a_record_that_is_decided_on_more_mildly(scorer: Scorer) -> None:
    seen = 0
    for record in RECORDS:
        before = scorer.score(record)
        for item in alternatives(scorer, record):
            after = scorer.score({**record, item.feature: item.value, **item.also})
            assert (after.probability, after.decision) == (item.probability, item.decision)
            assert DECISIONS.index(after.decision) < DECISIONS.index(before.decision)
            assert item.value != record[item.feature]
            seen += 1
    assert seen > 10


@USUAL
@given(
    data=st.data(), seed=st.integers(0, 2**32), kind=st.sampled_from(["linear", "symmetric_trees", "trees"])
)
def test_alternatives_of_any_contract_hold_as_records(data: st.DataObject, seed: int, kind: str) -> None:
    scorer = scorer_of(data.draw(contracts()), kind, seed)
    record = data.draw(good_records(scorer.contract))
    try:
        before = scorer.score(record)
    except RecordInvalid:
        assume(False)
    policy = Policy("p", *sorted((before.probability, before.probability * 0.9)))
    for item in alternatives(scorer, record, policy):
        after = scorer.score({**record, item.feature: item.value, **item.also}, policy)
        assert (after.probability, after.decision) == (item.probability, item.decision)
        assert after.probability < before.probability


def test_at_most_four_one_per_field_and_the_smallest_change_first(scorer: Scorer) -> None:
    for record in RECORDS:
        found = alternatives(scorer, record, Policy("p", 0.5, 0.5))
        assert len(found) <= 4
        assert len({item.feature for item in found}) == len(found)
        assert [item.size for item in found] == sorted(item.size for item in found)


def test_only_features_that_can_be_changed_and_stand_by_themselves_are_changed() -> None:
    scorer = loan_scorer({"income": -0.01, "amount": 0.01, "share": 1.0, "home": 2.0, "past": 1.0})
    assert set(by_field(alternatives(scorer, LOAN_RECORD))) == {"income", "amount", "home"}


def test_a_declared_ratio_follows_the_field_that_changes() -> None:
    scorer = loan_scorer({"share": 4.0})
    found = by_field(alternatives(scorer, LOAN_RECORD))
    assert set(found) == {"income", "amount"}
    for item in found.values():
        changed = {**LOAN_RECORD, item.feature: item.value, **item.also}
        assert item.also["share"] == pytest.approx(changed["amount"] / changed["income"], rel=1e-3)
        assert item.decision == "approve"


def test_a_ratio_that_is_not_stated_does_not_follow() -> None:
    scorer = loan_scorer({"amount": 0.01})
    (item,) = alternatives(scorer, LOAN_RECORD | {"share": None})
    assert (item.feature, item.also) == ("amount", {})


def test_a_change_whose_ratio_would_be_impossible_is_not_offered() -> None:
    columns = [column | {"maximum": 2.0} if column["name"] == "share" else column for column in LOAN]
    scorer = loan_scorer({"amount": -0.01, "income": 0.01}, columns=columns)
    assert alternatives(scorer, LOAN_RECORD) == ()


def test_the_change_is_the_smallest_that_helps_within_the_last_step() -> None:
    scorer = loan_scorer({"amount": 0.01})
    (item,) = alternatives(scorer, LOAN_RECORD | {"share": None})
    # P(bad) is below 0.4 from 0.405 log-odds on: 40.5 units less than 2,000.
    assert isinstance(item.value, int)
    assert 1920 <= item.value <= 1959


def test_a_change_may_go_either_way() -> None:
    up, down = loan_scorer({"income": -0.01}), loan_scorer({"income": 0.01})
    record = LOAN_RECORD | {"share": None}
    assert by_field(alternatives(up, record))["income"].value > 1000  # type: ignore[operator]
    assert by_field(alternatives(down, record))["income"].value < 1000  # type: ignore[operator]


def test_values_stay_within_the_hard_range_and_integers_are_whole() -> None:
    columns = [column | {"minimum": 1990} if column["name"] == "amount" else column for column in LOAN]
    near = loan_scorer({"amount": 0.01}, columns=columns)
    assert alternatives(near, LOAN_RECORD | {"share": None}) == ()


def test_what_is_null_is_neither_changed_nor_offered() -> None:
    scorer = loan_scorer({"home": 2.0})
    assert [item.value for item in alternatives(scorer, LOAN_RECORD)] == ["own"]
    assert alternatives(scorer, LOAN_RECORD | {"home": "NA", "past": 30.0}, Policy("p", 0.0, 1.0)) == ()
    assert alternatives(scorer, LOAN_RECORD | {"home": None}, Policy("p", 1e-9, 1.0)) == ()


def test_a_decline_may_become_a_referral() -> None:
    scorer = loan_scorer({"home": 1.0})
    (item,) = alternatives(scorer, LOAN_RECORD, Policy("p", 0.1, 0.45))
    assert (item.feature, item.decision, item.size) == ("home", "refer", 1.0)


def test_protected_columns_times_and_ids_are_never_changed(scorer: Scorer) -> None:
    allowed = {column.name for column in scorer.contract.features}
    found = [
        item.feature for record in RECORDS for item in alternatives(scorer, record, Policy("p", 0.3, 0.9))
    ]
    assert found
    assert set(found) <= allowed


def test_a_bounded_number_of_records_is_scored_however_many_fields_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    numbers = [{"name": f"n{i}", "type": "number"} for i in range(70)]
    contract = Contract.model_validate(
        {"use_case": "wide", "title": "Wide", "columns": numbers, "outcome": OUTCOME}
    )
    wide, small = scorer_of(contract, "trees", 1), scorer_of(Contract.model_validate(LENDING), "trees", 1)
    for scorer, record in ((wide, {f"n{i}": 0.5 for i in range(70)}), (small, RECORD)):
        calls = 0
        score_one = scorer.predictor.score_one

        def counted(row: Any, score_one: Any = score_one) -> float:
            nonlocal calls
            calls += 1
            return float(score_one(row))

        monkeypatch.setattr(scorer.predictor, "score_one", counted)
        alternatives(scorer, record, Policy("p", 1e-12, 1.0))
        assert 0 < calls <= MOST_SCORED + 10


def test_a_wrong_record_is_refused(scorer: Scorer) -> None:
    with pytest.raises(RecordInvalid) as refusal:
        alternatives(scorer, RECORDS[0] | {"age": 144})
    assert str(refusal.value).startswith("age=144 years is out of range")


def test_an_alternative_is_json_without_its_size() -> None:
    (item,) = alternatives(loan_scorer({"home": 2.0}), LOAN_RECORD)
    body = item.as_json()
    assert json.loads(json.dumps(body)) == body
    assert set(body) == {"feature", "value", "probability", "decision", "also"}
    assert body["probability"] == pytest.approx(1 / (1 + math.exp(2.0)))
