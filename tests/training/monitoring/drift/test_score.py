from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from service.scoring.arithmetic import log_odds, logistic
from service.scoring.profile import Distribution, stability_index
from service.scoring.scorer import Scorer
from tests.training.monitoring.monitored import inputs, observed
from training.monitoring.drift import Status, profile_reference, score_drift, window_reference
from training.monitoring.drift.reference import counted, stability

LEVEL = 1e-5


@pytest.fixture
def scorer(quick_scorer: Callable[..., Scorer]) -> Scorer:
    """A quickly trained model."""
    return quick_scorer("credit_risk")


def test_scores_that_have_not_moved_are_no_drift(scorer: Scorer) -> None:
    reference = window_reference(observed(scorer, inputs(scorer, 4_000, seed=1)), scorer)
    found = score_drift(scorer.score_matrix(inputs(scorer, 1_000, seed=2)), reference, LEVEL)
    assert found.status is Status.OK
    assert found.psi is not None
    assert found.psi < 0.1


def test_scores_that_have_moved_are_an_alarm(scorer: Scorer) -> None:
    reference = window_reference(observed(scorer, inputs(scorer, 4_000, seed=1)), scorer)
    scores = scorer.score_matrix(inputs(scorer, 1_000, seed=2))
    found = score_drift(np.minimum(scores + 0.25, 0.99), reference, LEVEL)
    assert found.status is Status.ALARM
    assert found.mean > found.reference_mean


def test_against_a_profile_the_index_is_told_and_not_judged(scorer: Scorer) -> None:
    # Its scores are of the fit that was judged, and not of the bundle: without any drift this one is 0.17.
    reference = profile_reference(scorer)
    assert (reference.source, reference.rows, reference.matrix) == ("profile", scorer.profile.rows, None)
    found = score_drift(scorer.score_matrix(inputs(scorer, 2_000)), reference, LEVEL)
    assert found.psi is not None
    assert (found.status, found.p) == (Status.FEW, None)
    assert "another fit" in found.why


def test_bins_that_are_empty_on_both_sides_say_nothing() -> None:
    before, after = [100_000, 100_000] + [0] * 18, [60, 60] + [0] * 18
    assert stability_index(before, after) > 0.3, "smoothed they would"
    assert stability(before, after) == pytest.approx(0.0)


def test_stability_of_nothing_is_unknown() -> None:
    assert stability([0, 0], [1, 2]) is None
    assert stability([1, 2], [0, 0]) is None


def test_values_are_counted_as_the_profile_counts_them(scorer: Scorer) -> None:
    matrix = inputs(scorer, 700)
    reference = window_reference(observed(scorer, matrix), scorer).profile
    for position, name in enumerate(scorer.contract.inputs):
        there: Distribution = reference.inputs[name]
        counts, nulls = counted(matrix[:, position], there.borders, len(there.counts))
        assert (tuple(counts.tolist()), nulls) == (there.counts, there.nulls), name


def test_a_rare_outcome_whose_odds_have_doubled_is_an_alarm(scorer: Scorer) -> None:
    rng = np.random.default_rng(0)
    of_window = window_reference(observed(scorer, inputs(scorer, 500)), scorer)
    before, after = (logistic(rng.normal(-6, 1, rows)) for rows in (20_000, 4_000))
    reference = replace(of_window, scores=before, mean=float(before.mean()))
    assert np.quantile(after, 0.99) < 0.05, "nearly all lie in one twentieth of P(bad)"
    found = score_drift(logistic(log_odds(after) + np.log(2)), reference, LEVEL)
    assert found.status is Status.ALARM, found
    same = score_drift(after, reference, LEVEL)
    assert same.status is Status.OK
    assert same.psi is not None
    assert same.psi < 0.02


@pytest.mark.parametrize("other", [0.02, 0.2])
def test_a_score_that_nearly_all_had_does_not_hide_another_one(scorer: Scorer, other: float) -> None:
    of_window = window_reference(observed(scorer, inputs(scorer, 500)), scorer)
    before = np.r_[np.full(4_000, 0.1), np.linspace(0.01, 0.3, 100)]
    reference = replace(of_window, scores=before)
    after = np.r_[np.full(500, 0.1), np.full(500, other)]
    assert score_drift(after, reference, LEVEL).status is Status.ALARM
