from __future__ import annotations

import numpy as np
import pytest

from service.errors import WrongUse
from tests.training.simulation.worlds import a_population, a_world, fitted, log_odds, one_day
from training.simulation.arrivals import TruthOf
from training.simulation.population import DAY_SECONDS

COUNT = 40_000
# Five standard errors of a logistic coefficient or log-odds at this count.
NEAR = 0.07


def coefficients(truth: TruthOf = "model", **changes: str) -> list[float]:
    population = a_population(COUNT * (4 if changes else 1), spare=4)
    came = one_day(a_world(population, truth, **changes), COUNT)
    matrix = population.matrix[came.rows]
    boat = matrix[:, 2] == 2
    return list(fitted(np.column_stack([matrix[:, :2], boat]), came.bad.astype(np.float64)))


def test_without_a_change_outcomes_follow_the_true_probabilities() -> None:
    assert coefficients() == pytest.approx([-1, 1, -0.5, 0.5], abs=NEAR)


def test_a_covariate_moves_the_mean_and_not_what_it_means() -> None:
    population = a_population(COUNT * 4, spare=4)
    came = one_day(a_world(population, covariate="income=+0.5sd@8"), COUNT)
    assert population.matrix[came.rows, 0].mean() == pytest.approx(0.5, abs=0.03)
    assert coefficients(covariate="income=+0.5sd@8") == pytest.approx([-1, 1, -0.5, 0.5], abs=NEAR)


def test_a_levels_share_changes_by_its_log_odds() -> None:
    population = a_population(COUNT * 4, spare=4)
    came = one_day(a_world(population, covariate="purpose=boat+0.7@8"), COUNT)
    before, now = (population.matrix[:, 2] == 2), (population.matrix[came.rows, 2] == 2)
    assert log_odds(now.mean()) - log_odds(before.mean()) == pytest.approx(0.7, abs=NEAR)


def test_a_prior_changes_the_intercept_and_not_who_is_bad() -> None:
    assert coefficients(prior="+0.6@8") == pytest.approx([-0.4, 1, -0.5, 0.5], abs=NEAR)


@pytest.mark.parametrize("truth", ["model", "data"])
def test_calibration_shifts_log_odds(truth: TruthOf) -> None:
    assert coefficients(truth, calibration="+0.4@8") == pytest.approx([-0.6, 1, -0.5, 0.5], abs=NEAR)


@pytest.mark.parametrize("truth", ["model", "data"])
def test_calibration_may_lose_its_spread(truth: TruthOf) -> None:
    assert coefficients(truth, calibration="*0.5@8") == pytest.approx([-0.5, 0.5, -0.25, 0.25], abs=NEAR)


@pytest.mark.parametrize("truth", ["model", "data"])
def test_a_concept_changes_what_a_column_means(truth: TruthOf) -> None:
    assert coefficients(truth, concept="debt=+0.8@8") == pytest.approx([-1, 1, 0.3, 0.5], abs=NEAR)


def test_before_its_week_nothing_has_changed() -> None:
    population = a_population(2_000)
    early = one_day(a_world(population, calibration="+2@8"), 2_000, week=7.9)
    assert (early.bad == one_day(a_world(population), 2_000, week=7.9).bad).all()


def test_the_datas_own_outcomes_are_kept_where_nothing_changes() -> None:
    population = a_population(2_000)
    came = one_day(a_world(population, "data"), 2_000)
    assert (came.bad == population.outcomes[came.rows]).all()


def test_without_selection_every_record_comes_once_and_in_order() -> None:
    came = one_day(a_world(a_population(500)), 500)
    assert came.rows.tolist() == list(range(500))


def test_records_come_within_their_day_in_order_of_time() -> None:
    day = 1_750_000_000_000_000
    at = one_day(a_world(a_population(500)), 500, day=day).at
    assert (np.diff(at) >= 0).all()
    assert day <= at[0] <= at[-1] < day + DAY_SECONDS * 1_000_000


def test_a_mean_that_the_data_do_not_reach_is_refused() -> None:
    world = a_world(a_population(1_000), covariate="income=+4.5sd@8")
    with pytest.raises(WrongUse, match="too few of the records lie so far from the mean of income"):
        one_day(world, 100)


def test_changes_add_up() -> None:
    population = a_population(1_000)
    both = a_world(population, calibration="+0.4@8", concept="debt=+0.8@8")
    rows = np.arange(1_000)
    debt = population.column("debt")
    moved = both.log_odds(rows, 9.0) - a_world(population).log_odds(rows, 9.0)
    assert moved == pytest.approx(0.4 + 0.8 * np.clip((debt - debt.mean()) / debt.std(), -4, 4))


def test_nobody_comes_on_a_day_without_records() -> None:
    population = a_population(500)
    world = a_world(population, covariate="income=+0.5sd@8", prior="+0.5@8")
    came = world.arrive(np.arange(0), 0, 10.0, 0, np.random.default_rng(5))
    assert (came.rows.tolist(), came.at.tolist(), came.bad.tolist()) == ([], [], [])
