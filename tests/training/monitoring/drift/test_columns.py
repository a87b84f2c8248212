from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from service.scoring.arithmetic import FloatArray
from service.scoring.scorer import Scorer
from tests.training.monitoring.monitored import inputs, observed
from training.monitoring.drift import ColumnDrift, Status, column_drifts, profile_reference, window_reference
from training.monitoring.observed import Refused

CASE = "credit_risk"
LEVEL = 1e-5


@pytest.fixture
def scorer(quick_scorer: Callable[..., Scorer]) -> Scorer:
    """A quickly trained model."""
    return quick_scorer(CASE)


def compared(
    scorer: Scorer, before: FloatArray, after: FloatArray, **more: Refused
) -> dict[str, ColumnDrift]:
    """The drift of each column by name."""
    reference = window_reference(observed(scorer, before), scorer)
    found = column_drifts(scorer.contract, observed(scorer, after, **more), reference, LEVEL)
    return {item.name: item for item in found}


def at(scorer: Scorer, name: str) -> int:
    """The place of an input in the matrix."""
    return scorer.contract.inputs.index(name)


def test_nothing_is_found_where_nothing_has_changed(scorer: Scorer) -> None:
    found = compared(scorer, inputs(scorer, 4_000, seed=1), inputs(scorer, 1_000, seed=2))
    assert {item.status for item in found.values()} == {Status.OK}
    assert [item.name for item in found.values()] == list(scorer.contract.inputs)
    assert all(item.q is not None and item.p is not None and item.q >= item.p for item in found.values())


def test_an_income_that_rises_by_half_is_an_alarm_and_the_loan_amount_is_none(scorer: Scorer) -> None:
    after = inputs(scorer, 2_000, seed=2)
    after[:, at(scorer, "person_income")] *= 1.5
    found = compared(scorer, inputs(scorer, 4_000, seed=1), after)
    assert found["person_income"].status is Status.ALARM
    assert found["person_income"].test == "ks"
    assert found["person_income"].csi > 0.25 if found["person_income"].csi else False
    assert found["loan_amnt"].status is Status.OK


def test_a_large_shift_of_few_records_is_no_alarm_before_chance_is_out_of_question(scorer: Scorer) -> None:
    after = inputs(scorer, 25, seed=2)
    after[:, at(scorer, "person_income")] *= 1.4
    found = compared(scorer, inputs(scorer, 4_000, seed=1), after)
    assert found["person_income"].csi is not None
    assert found["person_income"].csi > 0.25
    assert found["person_income"].status is Status.OK


def test_a_certain_and_tiny_shift_is_no_alarm(scorer: Scorer) -> None:
    after = inputs(scorer, 60_000, seed=2)
    after[:, at(scorer, "person_income")] *= 1.04
    found = compared(scorer, inputs(scorer, 60_000, seed=1), after)["person_income"]
    assert found.p is not None
    assert found.p < LEVEL
    assert found.status is Status.OK


def test_levels_are_compared_by_their_counts(scorer: Scorer) -> None:
    before, after = inputs(scorer, 4_000, seed=1), inputs(scorer, 2_000, seed=2)
    place = at(scorer, "loan_intent")
    after[:1_200, place] = 0
    found = compared(scorer, before, after)["loan_intent"]
    assert (found.test, found.status) == ("chi2", Status.ALARM)


def test_nulls_that_appear_are_drift(scorer: Scorer) -> None:
    before, after = inputs(scorer, 4_000, seed=1), inputs(scorer, 2_000, seed=2)
    place = at(scorer, "person_income")
    after[::3, place] = np.nan
    found = compared(scorer, before, after)["person_income"]
    assert found.status is Status.ALARM
    assert found.nulls == pytest.approx(1 / 3, abs=0.001)
    assert found.reference_nulls == 0


def test_a_column_that_nobody_ever_has_does_not_drift(scorer: Scorer) -> None:
    before, after = inputs(scorer, 2_000, seed=1), inputs(scorer, 1_000, seed=2)
    before[:, 0] = after[:, 0] = np.nan
    found = compared(scorer, before, after)[scorer.contract.inputs[0]]
    assert (found.status, found.csi, found.nulls) == (Status.OK, 0.0, 1.0)


def test_a_column_that_nobody_had_and_everybody_has_is_an_alarm(scorer: Scorer) -> None:
    before, after = inputs(scorer, 2_000, seed=1), inputs(scorer, 1_000, seed=2)
    before[:, 0] = np.nan
    assert compared(scorer, before, after)[scorer.contract.inputs[0]].status is Status.ALARM


def test_a_constant_that_becomes_another_is_an_alarm(scorer: Scorer) -> None:
    before, after = inputs(scorer, 2_000, seed=1), inputs(scorer, 1_000, seed=2)
    before[:, 0], after[:, 0] = 30, 29
    assert compared(scorer, before, after)[scorer.contract.inputs[0]].status is Status.ALARM
    after[:, 0] = 30
    assert compared(scorer, before, after)[scorer.contract.inputs[0]].status is Status.OK


def test_refusals_stand_beside_the_column_that_they_are_of(scorer: Scorer) -> None:
    refused = Refused(
        5, {("loan_intent", "level"): 3, ("person_income", "range"): 2, ("(unknown)", "unknown"): 1}
    )
    found = compared(scorer, inputs(scorer, 500, seed=1), inputs(scorer, 500, seed=2), refused=refused)
    assert found["loan_intent"].refused == {"level": 3}
    assert found["person_income"].refused == {"range": 2}
    assert found["loan_amnt"].refused == {}


def test_without_history_the_profile_is_compared_by_its_bins(scorer: Scorer) -> None:
    after = inputs(scorer, 2_000, seed=2)
    after[:, at(scorer, "person_income")] *= 2
    found = column_drifts(scorer.contract, observed(scorer, after), profile_reference(scorer), LEVEL)
    by_name = {item.name: item for item in found}
    assert {item.test for item in found} == {"chi2"}
    assert by_name["person_income"].status is Status.ALARM
    assert by_name["loan_intent"].status is Status.OK


def test_no_record_at_all_is_too_few(scorer: Scorer) -> None:
    found = compared(scorer, inputs(scorer, 500, seed=1), inputs(scorer, 500, seed=2)[:0])
    assert {item.status for item in found.values()} == {Status.FEW}
