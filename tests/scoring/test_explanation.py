from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.scoring.calibration import Beta, Calibrator, Isotonic
from service.scoring.contract import Contract
from service.scoring.explanation import explain
from service.scoring.policy import Policy
from service.scoring.predictors import Predictor
from service.scoring.profile import level_counts
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid
from tests.scoring.ensembles import random_predictor, random_trees, scorer_of
from tests.scoring.lending import RECORDS
from tests.scoring.networks import random_network
from tests.scoring.strategies import USUAL, contracts, good_records

STEPS = Isotonic((-4.0, -1.0, -0.999, 0.5, 3.0), (-5.0, -4.0, -1.0, -1.0, 2.5))
CALIBRATORS = {
    "none": Calibrator(offset=0.25),
    "temperature": Calibrator("temperature", 0.6, offset=-1.5),
    "platt": Calibrator("platt", 1.75, -0.5, 0.125),
    "beta": Calibrator("beta", offset=0.5, curve=Beta(0.6, 1.5, -0.25)),
    "isotonic": Calibrator("isotonic", offset=-0.75, curve=STEPS),
}
STRICT = Policy("strict", 0.0, 0.0)


def predictor_of(kind: str, contract: Contract) -> Predictor:
    rng, levels = np.random.default_rng(11), level_counts(contract)
    if kind == "network":
        return random_network(rng, levels)
    if kind == "forest":
        return random_trees(rng, levels, trees=12, leaves=9, link="probability")
    return random_predictor(kind, rng, levels)


@pytest.mark.parametrize("calibrator", CALIBRATORS)
@pytest.mark.parametrize("kind", ["linear", "symmetric_trees", "trees", "forest", "network"])
def test_contributions_add_up_to_the_calibrated_log_odds_above_the_typical_ones(
    scorer: Scorer, kind: str, calibrator: str
) -> None:
    changed = replace(
        scorer, predictor=predictor_of(kind, scorer.contract), calibrator=CALIBRATORS[calibrator]
    )
    for record in RECORDS:
        told = explain(changed, record)
        total = math.fsum(item.contribution for item in told.contributions)
        assert total == pytest.approx(told.log_odds - told.typical_log_odds, abs=1e-9)
        assert {item.feature: item.contribution for item in told.contributions} == changed.contributions(
            record
        )


@USUAL
@given(
    data=st.data(), seed=st.integers(0, 2**32), kind=st.sampled_from(["linear", "symmetric_trees", "trees"])
)
def test_any_record_of_any_contract_is_explained_in_json_that_adds_up(
    data: st.DataObject, seed: int, kind: str
) -> None:
    rng, drawn = np.random.default_rng(seed), scorer_of(data.draw(contracts()), kind, seed)
    # Knots as near to one another, and as far apart in log-odds, as no fit would leave them.
    xs, ys = np.cumsum(rng.uniform(1e-3, 0.5, 20)) - 2.5, np.cumsum(rng.exponential(0.5, 20)) - 5
    curve = Isotonic(tuple(xs.tolist()), tuple(ys.tolist()))
    scorer = replace(drawn, calibrator=Calibrator("isotonic", offset=0.25, curve=curve))
    record = data.draw(good_records(scorer.contract))
    try:
        told = explain(scorer, record, STRICT)
    except RecordInvalid:
        assume(False)
    json.dumps(told.as_json(), allow_nan=False)
    total = math.fsum(item.contribution for item in told.contributions)
    assert total == pytest.approx(told.log_odds - told.typical_log_odds, abs=1e-9)
    known = {item.feature for item in told.contributions if item.value is not None}
    assert {reason.feature for reason in told.reasons} <= known


def test_probability_decision_and_reasons_are_those_of_the_answer(scorer: Scorer) -> None:
    for record in RECORDS:
        for policy in (None, STRICT):
            answer, told = scorer.score(record, policy), explain(scorer, record, policy)
            assert told.probability == answer.probability
            assert (told.decision, told.reasons) == (answer.decision, answer.reasons)


def test_the_probability_is_that_of_the_log_odds(scorer: Scorer) -> None:
    for record in RECORDS:
        told = explain(scorer, record)
        assert told.probability == pytest.approx(1 / (1 + math.exp(-told.log_odds)), abs=1e-12)


def test_every_input_is_told_once_the_largest_contribution_first(scorer: Scorer) -> None:
    told = explain(scorer, RECORDS[0])
    sizes = [abs(item.contribution) for item in told.contributions]
    assert sorted(item.feature for item in told.contributions) == sorted(scorer.contract.inputs)
    assert sizes == sorted(sizes, reverse=True)
    assert all(item.code == scorer.reason_texts[item.feature].code for item in told.contributions)


def test_values_are_as_a_person_writes_them(scorer: Scorer, record: dict[str, Any]) -> None:
    values = {item.feature: item.value for item in explain(scorer, record).contributions}
    assert {name: values[name] for name in ("age", "purpose", "pay.status", "employed")} == {
        "age": 40,
        "purpose": "car",
        "pay.status": 1,
        "employed": True,
    }
    assert isinstance(values["age"], int)
    assert isinstance(values["employed"], bool)
    assert values["amount to income"] == pytest.approx(900 / 2500.5)
    missing = record | {"amount": None, "Saving accounts": None, "employed": None}
    values = {item.feature: item.value for item in explain(scorer, missing).contributions}
    assert [values[name] for name in ("amount", "Saving accounts", "employed")] == [None, "NA", None]


def test_typical_values_are_those_of_the_profile(scorer: Scorer) -> None:
    typical = {item.feature: item.typical for item in explain(scorer, RECORDS[0]).contributions}
    assert typical["income"] == scorer.profile.typical["income"]
    assert typical["purpose"] in ("car", "radio/TV", "education")


def test_a_typical_value_of_as_many_true_as_false_is_neither(scorer: Scorer) -> None:
    typical = {**scorer.profile.typical, "employed": 0.5}
    changed = replace(scorer, profile=replace(scorer.profile, typical=typical))
    told = {item.feature: item.typical for item in explain(changed, RECORDS[0]).contributions}
    assert told["employed"] == 0.5
    assert not isinstance(told["employed"], bool)


def test_an_explanation_is_json(scorer: Scorer) -> None:
    body = explain(scorer, RECORDS[0], STRICT).as_json()
    assert json.loads(json.dumps(body, allow_nan=False)) == body
    assert list(body) == [
        *("probability", "decision", "log_odds", "typical_log_odds", "contributions", "reasons", "rule")
    ]
    assert set(body["contributions"][0]) == {"feature", "value", "typical", "contribution", "code"}


def test_a_wrong_record_is_refused_with_its_findings(scorer: Scorer) -> None:
    with pytest.raises(RecordInvalid) as refusal:
        explain(scorer, RECORDS[0] | {"age": 144})
    assert str(refusal.value).startswith("age=144 years is out of range")


@pytest.mark.parametrize(
    ("kind", "calibrator", "starts", "ends"),
    [
        ("linear", "platt", "Exact Shapley values of the log-odds", "by its slope."),
        ("symmetric_trees", "beta", "Exact Shapley values of the log-odds", "shares and signs stay."),
        ("forest", "none", "Exact Shapley values of the model's sum of probabilities", "by its slope."),
        ("network", "isotonic", "Shapley values of the log-odds", "shares and signs stay."),
    ],
)
def test_the_rule_says_how_contributions_were_made(
    scorer: Scorer, kind: str, calibrator: str, starts: str, ends: str
) -> None:
    predictor = predictor_of(kind, scorer.contract)
    changed = replace(scorer, predictor=predictor, calibrator=CALIBRATORS[calibrator])
    rule = explain(changed, RECORDS[0]).rule
    assert rule.startswith(starts)
    assert rule.endswith(ends)


def test_an_estimate_states_its_error_and_what_is_exact_does_not(scorer: Scorer) -> None:
    changed = replace(scorer, predictor=predictor_of("network", scorer.contract), calibrator=Calibrator())
    record, reference = RECORDS[0], changed.profile.reference()
    row = changed.encoder.encode_record(changed.validator.check_record(record))
    errors = changed.explainer.with_errors(row)[1]
    assert f"with a standard error of at most {errors.max():.2g}." in explain(changed, record).rule
    few = replace(
        changed,
        profile=replace(changed.profile, typical=dict(zip(changed.contract.inputs, row, strict=True))),
    )
    assert not changed.explainer.with_errors(reference)[1].any()
    assert explain(few, record).rule.startswith("Exact Shapley values")


def test_the_rule_is_told_in_three_languages(scorer: Scorer) -> None:
    rules = {explain(scorer, RECORDS[0], language=language).rule for language in ("en", "es", "pt")}
    assert len(rules) == 3
