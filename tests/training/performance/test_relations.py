from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from service.scoring.arithmetic import FloatArray, logistic
from training.performance.relations import Cases, relations

NAMES, LEVELS = ("debt", "income", "purpose"), (0, 0, 3)
WEIGHTS = (1.0, -0.7)


def cases(
    rows: int, seed: int, debt: float = 1.0, home: float = 0.0, shift: float = 0.0, stretch: float = 1.0
) -> Cases:
    rng = np.random.default_rng(seed)
    matrix = np.column_stack([rng.normal(size=(rows, 2)), rng.integers(0, 3, rows).astype(float)])
    matrix[rng.random(rows) < 0.1, 1] = np.nan
    score = -1.5 + WEIGHTS[0] * matrix[:, 0] + WEIGHTS[1] * np.nan_to_num(matrix[:, 1])
    truth = score + (debt - 1.0) * matrix[:, 0] + home * (matrix[:, 2] == 1) + shift
    return Cases(matrix, (rng.random(rows) < logistic(truth)).astype(float), logistic(stretch * score))


def p_values(many: int, **more: float) -> FloatArray:
    found = [relations(("debt",), (0,), cases(600, seed, **more), None)[0].p for seed in range(many)]
    return np.array(found)


def test_the_p_value_of_what_has_not_changed_is_any_number_alike() -> None:
    assert kstest(p_values(200), "uniform").pvalue > 0.001


def test_a_wrong_intercept_and_slope_are_no_changed_relation() -> None:
    found = relations(NAMES, LEVELS, cases(6_000, 1, shift=0.7, stretch=1.6), cases(6_000, 2))
    assert not any(item.changed for item in found), found


def test_an_input_that_means_less_than_it_did_is_named_first() -> None:
    found = relations(NAMES, LEVELS, cases(4_000, 1, debt=0.2), cases(4_000, 2))
    assert found[0].column == "debt", found
    assert found[0].changed


def test_a_level_that_means_something_now_is_found() -> None:
    found = relations(NAMES, LEVELS, cases(6_000, 1, home=0.9), cases(6_000, 2))
    assert [item.column for item in found if item.changed] == ["purpose"], found


def test_what_was_so_before_has_not_changed() -> None:
    before, now = cases(6_000, 1, home=0.9), cases(6_000, 2, home=0.9)
    assert not any(item.changed for item in relations(NAMES, LEVELS, now, before))
    assert any(item.changed for item in relations(NAMES, LEVELS, now, None)), "alone it looks like a change"


@pytest.mark.parametrize("values", [0.0, np.nan])
def test_a_column_that_never_varies_says_nothing(values: float) -> None:
    given = cases(500, 3)
    given.matrix[:, 1] = values
    found = {item.column: item for item in relations(NAMES, LEVELS, given, None)}
    assert (found["income"].p, found["income"].size) == (1.0, 0.0)
