from __future__ import annotations

from collections.abc import Callable

import pytest

from service.scoring.scorer import Scorer
from tests.training.monitoring.monitored import inputs, observed
from training.monitoring.drift import Reference, Status, profile_reference, refusal_drift, window_reference
from training.monitoring.observed import Refused

LEVEL = 1e-5


@pytest.fixture
def scorer(quick_scorer: Callable[..., Scorer]) -> Scorer:
    """A quickly trained model."""
    return quick_scorer("credit_risk")


def before(scorer: Scorer, records: int) -> Reference:
    """A thousand decisions, and so many records refused besides."""
    refused = Refused(records, {("person_age", "range"): records})
    return window_reference(observed(scorer, inputs(scorer, 1_000), refused), scorer)


def test_a_new_level_that_many_records_have_is_an_alarm(scorer: Scorer) -> None:
    now = observed(scorer, inputs(scorer, 500), Refused(100, {("loan_intent", "level"): 100}))
    found = refusal_drift(now, before(scorer, 5), LEVEL)
    assert found.status is Status.ALARM
    assert found.rate == pytest.approx(100 / 600)
    assert found.reference_rate == pytest.approx(5 / 1_005)
    (field,) = found.fields
    assert (field.field, field.code, field.records, field.reference_share) == (
        "loan_intent",
        "level",
        100,
        0.0,
    )


def test_as_much_refused_as_before_is_nothing(scorer: Scorer) -> None:
    now = observed(scorer, inputs(scorer, 500), Refused(150, {("person_age", "range"): 150}))
    assert refusal_drift(now, before(scorer, 300), LEVEL).status is Status.OK


def test_rows_that_batch_runs_set_aside_count_too(scorer: Scorer) -> None:
    now = observed(scorer, inputs(scorer, 500), Refused(0, {}, quarantined=100))
    found = refusal_drift(now, before(scorer, 5), LEVEL)
    assert (found.status, found.refused, found.quarantined) == (Status.ALARM, 0, 100)


def test_without_history_one_record_in_a_hundred_is_usual(scorer: Scorer) -> None:
    profile = profile_reference(scorer)
    usual = refusal_drift(observed(scorer, inputs(scorer, 500), Refused(5, {})), profile, LEVEL)
    assert (usual.status, usual.reference_rate) == (Status.OK, None)
    much = refusal_drift(observed(scorer, inputs(scorer, 500), Refused(80, {})), profile, LEVEL)
    assert much.status is Status.ALARM
    assert "fields" in much.to_json()


def test_nothing_received_is_too_few(scorer: Scorer) -> None:
    assert (
        refusal_drift(observed(scorer, inputs(scorer, 5)[:0]), before(scorer, 5), LEVEL).status is Status.FEW
    )
