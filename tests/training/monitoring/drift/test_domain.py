from __future__ import annotations

import numpy as np

from training.monitoring.drift import Status, domain_drift

LEVEL = 1e-5


def test_a_joint_change_that_no_column_shows_is_found() -> None:
    random = np.random.default_rng(1)
    before = random.normal(size=(3_000, 4))
    after = random.normal(size=(3_000, 4))
    after[:, 1] = np.where(random.random(3_000) < 0.95, after[:, 0], after[:, 1])
    found = domain_drift(before, after, LEVEL)
    assert found.auc is not None
    assert found.auc > 0.7
    assert found.status is Status.ALARM


def test_equal_populations_cannot_be_told_apart() -> None:
    random = np.random.default_rng(2)
    found = domain_drift(random.normal(size=(3_000, 4)), random.normal(size=(800, 4)), LEVEL)
    assert found.status is Status.OK
    assert found.interval is not None
    assert found.interval[0] < 0.5 < found.interval[1]


def test_nulls_are_a_sign_like_any_other() -> None:
    random = np.random.default_rng(3)
    after = random.normal(size=(1_000, 3))
    after[::2, 0] = np.nan
    assert domain_drift(random.normal(size=(1_000, 3)), after, LEVEL).status is Status.ALARM


def test_a_column_that_nobody_has_says_nothing_and_stops_nothing() -> None:
    random = np.random.default_rng(5)
    before, after = random.normal(size=(2, 400, 3))
    before[:, 1] = after[:, 1] = np.nan
    assert domain_drift(before, after, LEVEL).status is Status.OK


def test_the_same_records_give_the_same_figure() -> None:
    random = np.random.default_rng(4)
    before, after = random.normal(size=(2, 11_000, 2))
    assert domain_drift(before, after, LEVEL) == domain_drift(before, after, LEVEL)


def test_where_there_are_no_records_to_compare_it_says_why() -> None:
    matrix = np.zeros((200, 2))
    assert "the profile of a bundle" in domain_drift(None, matrix, LEVEL).why
    few = domain_drift(matrix, matrix[:99], LEVEL)
    assert (few.status, few.why) == (Status.FEW, "there are 99 records, and 100 are needed")
