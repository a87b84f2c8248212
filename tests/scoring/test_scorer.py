from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from service.scoring.calibration import Calibrator
from service.scoring.contract import Contract
from service.scoring.language import Language
from service.scoring.policy import DECISIONS, Policy
from service.scoring.predictors import Predictor
from service.scoring.profile import level_counts
from service.scoring.scorer import Scorer
from service.scoring.validation import RecordInvalid, TableInvalid
from tests.scoring.agreement import assert_same_scores, bits
from tests.scoring.ensembles import random_linear, scorer_of
from tests.scoring.lending import RECORDS, TABLE

LANGUAGES: tuple[Language, ...] = ("en", "es", "pt")


def test_reasons_come_with_a_refusal_to_approve_alone(scorer: Scorer) -> None:
    for answer in map(scorer.score, RECORDS):
        assert len(answer.reasons) <= 4
        assert not (answer.reasons and answer.decision == "approve")


def is_known(scorer: Scorer, record: dict[str, Any], name: str) -> bool:
    """Say whether an input has a value in the record: not null, and no level that stands for null."""
    row = scorer.encoder.encode_record(scorer.validator.check_record(record))
    value = row[scorer.contract.inputs.index(name)]
    return not math.isnan(value) and not (name == "Saving accounts" and value == 0)


def test_what_the_record_leaves_null_is_no_reason_but_contributes(scorer: Scorer) -> None:
    strict = Policy("strict", 0.0, 0.0)
    contributed = 0.0
    for record in RECORDS:
        missing = record | {"amount": None, "Saving accounts": "NA", "employed": None}
        unknown = {"amount", "Saving accounts", "employed", "amount to income", "income left"}
        assert unknown.isdisjoint(reason.feature for reason in scorer.score(missing, strict).reasons)
        contributed += sum(abs(scorer.contributions(missing)[name]) for name in unknown)
    assert contributed > 0


def test_another_policy_decides_without_changing_the_probability(scorer: Scorer) -> None:
    lenient, strict = Policy("lenient", 1.0, 1.0), Policy("strict", 0.0, 0.0)
    for record in RECORDS[:10]:
        own, approved, declined = (scorer.score(record, policy) for policy in (None, lenient, strict))
        assert (approved.decision, approved.reasons, declined.decision) == ("approve", (), "decline")
        assert own.probability == approved.probability == declined.probability
        assert own.decision is scorer.policy.decide(own.probability)


def test_reasons_come_in_the_contracts_language_when_it_is_asked_for(scorer: Scorer) -> None:
    texts = {name: replace(text, local=f"Sobre {name}") for name, text in scorer.reason_texts.items()}
    spanish = scorer.contract.model_copy(update={"language": "es"})
    local = replace(scorer, reason_texts=texts, contract=spanish)
    strict = Policy("strict", 0.0, 0.0)
    record = next(item for item in RECORDS if scorer.score(item, strict).reasons)
    starts = {
        language: {reason.text.split()[0] for reason in local.score(record, strict, language).reasons}
        for language in LANGUAGES
    }
    assert starts == {"en": {"About"}, "es": {"Sobre"}, "pt": {"About"}}


def test_reasons_are_the_inputs_that_raised_the_risk_most(scorer: Scorer) -> None:
    for record in RECORDS:
        answer = scorer.score(record)
        if answer.decision == "approve":
            continue
        contributions = scorer.contributions(record)
        raising = sorted(
            (name for name in contributions if contributions[name] > 0 and is_known(scorer, record, name)),
            key=lambda n: -contributions[n],
        )
        assert [reason.feature for reason in answer.reasons] == raising[:4]
        assert [scorer.reason_texts[name].text for name in raising[:4]] == [
            reason.text for reason in answer.reasons
        ]


def test_a_protected_column_changes_nothing_and_is_no_reason(scorer: Scorer) -> None:
    for record in RECORDS:
        assert scorer.score(record | {"sex": "female"}) == scorer.score(record | {"sex": "male"})
        assert "sex" not in scorer.contributions(record)


def test_contributions_add_up_to_the_difference_in_log_odds(scorer: Scorer) -> None:
    reference = scorer.calibrator.log_odds(scorer.predictor.score_one(scorer.profile.reference()))
    for record in RECORDS:
        row = scorer.encoder.encode_record(scorer.validator.check_record(record))
        log_odds = scorer.calibrator.log_odds(scorer.predictor.score_one(row))
        assert sum(scorer.contributions(record).values()) == pytest.approx(log_odds - reference, abs=1e-9)


def test_a_decision_follows_from_the_probability(scorer: Scorer) -> None:
    for answer in map(scorer.score, RECORDS):
        assert 0 <= answer.probability <= 1
        assert answer.decision is scorer.policy.decide(answer.probability)


def test_a_wrong_record_is_refused_with_its_findings(scorer: Scorer) -> None:
    with pytest.raises(RecordInvalid) as refusal:
        scorer.score(RECORDS[0] | {"age": 144})
    assert str(refusal.value).startswith("age=144 years is out of range")


def test_a_refused_row_has_no_probability_and_no_decision(scorer: Scorer) -> None:
    records = [RECORDS[0], RECORDS[1] | {"age": 144}, RECORDS[2] | {"purpose": "boat"}, RECORDS[3]]
    scored = scorer.score_table(pa.Table.from_pylist(records))
    assert np.isnan(scored.probabilities).tolist() == [False, True, True, False]
    assert scored.valid.tolist() == [True, False, False, True]
    assert scored.decisions[1:3].tolist() == [-1, -1]
    assert scored.decision_names().to_pylist()[1:3] == [None, None]
    assert {row: items[0].field for row, items in scored.checked[0].findings().items()} == {
        1: "age",
        2: "purpose",
    }


def test_a_refused_row_of_any_kind_does_not_disturb_its_neighbours(scorer: Scorer) -> None:
    wild = [math.inf, -math.inf, math.nan, 1.7e308, -1.7e308, 5e-324]
    records = RECORDS[:6] + [record | {"income": value} for record, value in zip(RECORDS, wild, strict=False)]
    assert_same_scores(scorer, records, pa.Table.from_pylist(records))


def test_decisions_have_names(scorer: Scorer) -> None:
    scored = scorer.score_table(TABLE)
    assert scored.decision_names().type == pa.string()
    assert scored.decision_names().to_pylist() == [str(DECISIONS[code]) for code in scored.decisions]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_blocks_and_threads_do_not_change_the_bits(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    spoilt = pa.Table.from_pylist([*RECORDS[:30], RECORDS[30] | {"age": 144}, *RECORDS[31:]])
    whole = scorer.score_table(spoilt)
    monkeypatch.setattr("service.scoring.scorer.ROWS_PER_BLOCK", 7)
    in_blocks = scorer.score_table(spoilt, threads=threads)
    assert in_blocks.probabilities.tobytes() == whole.probabilities.tobytes()
    assert in_blocks.decisions.tobytes() == whole.decisions.tobytes()
    assert [block.rows for block in in_blocks.checked] == [7] * 8 + [4]
    assert list(in_blocks.checked[4].findings()) == [2]


def test_a_table_of_two_real_blocks_keeps_its_order(scorer: Scorer) -> None:
    rows_in = np.random.default_rng(2).integers(len(RECORDS), size=131_072 + 50)
    scored = scorer.score_table(TABLE.take(pa.array(rows_in)), threads=2)
    assert len(scored.checked) == 2
    assert scored.probabilities.tobytes() == scorer.score_table(TABLE).probabilities[rows_in].tobytes()


def test_an_empty_table_has_no_answers(scorer: Scorer) -> None:
    scored = scorer.score_table(TABLE.slice(0, 0))
    assert (scored.probabilities.shape, scored.decisions.shape, scored.valid.shape) == ((0,), (0,), (0,))
    assert scored.decision_names().to_pylist() == []


def test_a_table_of_no_columns_is_refused_whole(scorer: Scorer) -> None:
    with pytest.raises(TableInvalid) as refusal:
        scorer.score_table(pa.table({}))
    assert str(refusal.value).startswith(
        "age is missing; it must be an integer from 18 to 120 years; income is"
    )


def test_a_table_whose_columns_are_all_optional_may_have_none() -> None:
    column = {"name": "x", "type": "number", "required": False}
    outcome = {"name": "bad", "bad": [1], "good": [0]}
    contract = Contract.model_validate(
        {"use_case": "x", "title": "X", "columns": [column], "outcome": outcome}
    )
    scorer = scorer_of(contract, "trees", 0)
    assert scorer.score_table(pa.table({})).probabilities.shape == (0,)
    assert 0 < scorer.score({}).probability < 1


def test_a_matrix_scores_the_bits_of_the_table(scorer: Scorer) -> None:
    matrix = scorer.encoder.encode_table(scorer.validator.check_table(TABLE).values)
    assert scorer.score_matrix(matrix).tobytes() == scorer.score_table(TABLE).probabilities.tobytes()


def test_extreme_scores_are_probabilities(
    contract: Contract, make_scorer: Callable[[Predictor], Scorer]
) -> None:
    scorer = make_scorer(random_linear(np.random.default_rng(8), level_counts(contract)))
    calibrated = Scorer(**{**vars(scorer), "calibrator": Calibrator("platt", 1e6, 0.0)})
    scored = calibrated.score_table(TABLE)
    assert ((scored.probabilities >= 0) & (scored.probabilities <= 1)).all()
    assert bits(scored.probabilities[0]) == bits(calibrated.score(RECORDS[0]).probability)
