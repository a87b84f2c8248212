from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from tests.quickly import only
from training.candidates import FOR_FEW
from training.data import generate_cases
from training.train import train
from training.use_case import Derived, Operation, ReasonText, Requirements, UseCase
from training.use_cases import use_cases
from training.variants import pre_approval, variants

LATE = ("loan_grade", "loan_int_rate")
CREDIT = replace(use_cases()["credit_risk"], known_after_decision=LATE)


def with_cost_of_interest() -> UseCase:
    """Credit risk with one more input, made from the lender's rate."""
    item = Derived(name="rate_to_income", operation=Operation.RATIO, of=("loan_int_rate", "person_income"))
    contract = CREDIT.contract.model_copy(update={"derived": (*CREDIT.contract.derived, item)})
    reasons = {**CREDIT.reasons, item.name: ReasonText("INTEREST_RATE", "Interest rate", "Tasa de interés")}
    return replace(CREDIT, contract=type(contract)(**contract.model_dump()), reasons=reasons)


def test_the_variant_before_approval_sees_nothing_that_the_decision_made() -> None:
    variant = pre_approval(with_cost_of_interest())
    assert variant.name == "credit_risk_pre_approval"
    assert not {*LATE, "rate_to_income"} & {*variant.contract.inputs, *variant.reasons}
    assert variant.contract.inputs == tuple(name for name in CREDIT.contract.inputs if name not in LATE)
    assert set(variant.reasons) == set(variant.contract.inputs)
    assert variant.contract.ignored == LATE


def test_the_variant_says_what_it_is() -> None:
    variant = pre_approval(CREDIT)
    assert variant.contract.title == "Credit risk of consumer loans, before approval"
    assert "it takes loan_grade, loan_int_rate where they are sent" in variant.contract.description
    assert variant.about.limits[-1] == (
        "Knows nothing of loan_grade, loan_int_rate, which exist only once somebody has decided."
    )


def test_the_variant_has_no_variant_and_no_second_address() -> None:
    variant = pre_approval(
        replace(CREDIT, contract=CREDIT.contract.model_copy(update={"also_at": ("/old",)}))
    )
    assert variants(variant) == {}
    assert variant.contract.also_at == ()


def test_bars_set_for_a_model_that_sees_more_are_not_asked_of_the_variant() -> None:
    asked = Requirements(least_rows=5_000, least_roc_auc=0.94, most_brier=0.055, most_psi=0.1)
    variant = pre_approval(replace(CREDIT, requirements=asked))
    assert variant.requirements == Requirements(least_rows=5_000, most_psi=0.1)


@pytest.mark.parametrize("name", ["german_credit", "card_default", "loan_approval", "fraud_transactions"])
def test_a_use_case_that_knows_everything_in_time_has_no_variant(name: str) -> None:
    assert variants(use_cases()[name]) == {}
    with pytest.raises(ValueError, match="declares nothing as known_after_decision"):
        pre_approval(use_cases()[name])


def test_the_variant_trains_and_scores_the_same_files_whatever_the_ignored_columns_hold() -> None:
    variant = variants(CREDIT)["credit_risk_pre_approval"]
    cases = generate_cases(variant, 1_500, seed=3)
    scorer = train(cases, options=only(FOR_FEW[0])).scorer
    file = pa.Table.from_pandas(CREDIT.sample(50, seed=4), preserve_index=False)
    scored = scorer.score_table(file)
    assert scored.valid.all()
    without = scorer.score_table(file.drop_columns(list(LATE)))
    assert without.probabilities.tolist() == scored.probabilities.tolist()
    record = {**file.to_pylist()[0], "loan_grade": None, "loan_int_rate": "not yet known"}
    del record["loan_status"]
    assert scorer.score(record).probability == scored.probabilities[0]
