from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from service.errors import UnreadableInput
from training.data import Cases, cases_of_table, generate_cases
from training.splits import make_folds, plan_split
from training.use_cases import use_cases

GERMAN, FRAUD = use_cases()["german_credit"], use_cases()["fraud_transactions"]


def doubled(rows: int) -> Cases:
    frame = GERMAN.sample(rows, seed=1)
    table = pa.Table.from_pandas(pd.concat([frame, frame], ignore_index=True), preserve_index=False)
    return cases_of_table(GERMAN, table, text=False, source="t")


def test_untouched_and_development_rows_are_all_rows_once() -> None:
    cases = generate_cases(GERMAN, 1_000, seed=1)
    plan = plan_split(cases, seed=0)
    assert sorted([*plan.development, *plan.untouched]) == list(range(1_000))
    assert len(plan.untouched) == pytest.approx(200, abs=2)


def test_a_stratified_split_keeps_the_bad_rate() -> None:
    cases = generate_cases(GERMAN, 1_000, seed=1)
    plan = plan_split(cases, seed=0)
    assert cases.outcomes[plan.untouched].mean() == pytest.approx(cases.outcomes.mean(), abs=0.01)


def test_exact_duplicates_never_stand_on_both_sides() -> None:
    cases = doubled(300)
    plan = plan_split(cases, seed=0)
    pairs = [(plan.development, plan.untouched)]
    pairs += [(fold.fit, fold.score) for fold in make_folds(cases, plan.development, seed=0)]
    assert [np.intersect1d(cases.groups[a], cases.groups[b]).size for a, b in pairs] == [0] * len(pairs)


def test_a_split_by_time_judges_the_latest_fifth() -> None:
    cases = generate_cases(FRAUD, 12_000, seed=1)
    plan, times = plan_split(cases, seed=0), cases.times
    assert times is not None
    assert times[plan.development].max() < times[plan.untouched].min()
    assert len(plan.untouched) == pytest.approx(2_400, abs=30)


def test_folds_in_time_fit_only_on_the_past_and_cover_the_last_two_thirds() -> None:
    cases = generate_cases(FRAUD, 12_000, seed=1)
    rows = np.arange(cases.rows)
    folds, times = make_folds(cases, rows, seed=0), cases.times
    assert times is not None
    assert all(times[fold.fit].max() < times[fold.score].min() for fold in folds)
    scored = np.concatenate([fold.score for fold in folds])
    assert len(np.unique(scored)) == len(scored) == pytest.approx(8_000, abs=50)


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    cases = generate_cases(GERMAN, 600, seed=1)
    first, again, other = (plan_split(cases, seed).untouched.tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_few_rows_are_split_five_times_over() -> None:
    cases = generate_cases(GERMAN, 600, seed=1)
    rows = np.arange(cases.rows)
    assert len(make_folds(cases, rows, seed=0)) == 25
    assert len(make_folds(doubled(1_100), np.arange(2_200), seed=0)) == 5


def test_an_outcome_that_occurs_once_cannot_be_split() -> None:
    frame = GERMAN.sample(40, seed=1)
    frame["Risk"] = ["bad"] + ["good"] * 39
    cases = cases_of_table(
        GERMAN, pa.Table.from_pandas(frame, preserve_index=False), text=False, source="cases.csv"
    )
    with pytest.raises(UnreadableInput) as caught:
        plan_split(cases, seed=0)
    assert str(caught.value) == "cases.csv: training needs at least two distinct cases of each outcome"
