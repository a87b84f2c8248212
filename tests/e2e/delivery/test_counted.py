from __future__ import annotations

import pytest

from tests.e2e.delivery.counted import mean_probability


def test_the_mean_of_all_decisions_is_that_of_each_model_by_its_decisions() -> None:
    models = [{"decisions": 3, "mean_probability": 0.2}, {"decisions": 1, "mean_probability": 0.6}]
    assert mean_probability({"models": models}) == pytest.approx(0.3)


def test_a_model_whose_probabilities_are_not_known_makes_the_mean_another() -> None:
    models = [{"decisions": 3, "mean_probability": 0.2}, {"decisions": 1, "mean_probability": None}]
    assert mean_probability({"models": models}) == pytest.approx(0.15)
