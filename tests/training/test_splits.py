from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import UnreadableInput
from training.data import Cases, cases_of_table, generate_cases
from training.splits import BLOCKS_TO_PLACE, make_folds, plan_split
from training.use_case import Split
from training.use_cases import use_cases

GERMAN, FRAUD = use_cases()["german_credit"], use_cases()["fraud_transactions"]
BY_CUSTOMER = replace(FRAUD, split=Split.GROUPED, group="customer_id")


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


def at_times(days: list[int]) -> Cases:
    """Return payments, a third fraud, each on one of few days."""
    frame = FRAUD.sample(len(days), seed=1)
    frame["is_fraud"] = (np.arange(len(days)) % 3 == 0).astype(int)
    frame["tx_datetime"] = [f"2018-06-0{day + 1}T00:00:00" for day in days]
    return cases_of_table(
        FRAUD, pa.Table.from_pandas(frame, preserve_index=False), text=False, source="payments"
    )


@settings(max_examples=40, deadline=None)
@given(days=st.lists(st.integers(0, 5), min_size=30, max_size=60).map(sorted))
def test_every_fold_in_time_has_rows_to_fit_and_later_ones_to_score_however_few_the_times(
    days: list[int],
) -> None:
    cases = at_times(days)
    try:
        folds, times = make_folds(cases, np.arange(cases.rows), seed=0), cases.times
    except UnreadableInput:
        return
    assert times is not None
    assert len(folds) >= 2
    assert all(len(fold.fit) and times[fold.fit].max() < times[fold.score].min() for fold in folds)


@pytest.mark.parametrize("days", [[1] * 60, [1] * 30 + [2] * 30])
def test_times_that_leave_fewer_than_two_folds_are_refused(days: list[int]) -> None:
    with pytest.raises(UnreadableInput) as refused:
        make_folds(at_times(days), np.arange(60), seed=0)
    assert f"the 60 cases to cross-validate have {len(set(days))} distinct times" in str(refused.value)


def test_few_distinct_times_make_as_many_folds_as_there_are_rows_for() -> None:
    folds = make_folds(at_times([1] * 25 + [2] * 20 + [3] * 15), np.arange(60), seed=0)
    assert [(len(fold.fit), len(fold.score)) for fold in folds] == [(25, 20), (45, 15)]


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


def grouped(rows: int, customers: int, copies: int = 0, unknown: float = 0.0, seed: int = 0) -> Cases:
    """Payments of so many customers, a third fraud; some rows repeat another one, and some have no customer."""
    rng = np.random.default_rng(seed)
    frame = FRAUD.sample(rows, seed=seed)
    source, target = rng.integers(0, rows, (2, copies))
    frame.iloc[target] = frame.iloc[source]
    frame["is_fraud"] = (np.arange(rows) % 3 == 0).astype(int)
    names = pd.Series([f"C{number}" for number in rng.integers(0, customers, rows)], dtype="object")
    frame["customer_id"] = names.where(rng.random(rows) >= unknown, None)
    return cases_of_table(
        BY_CUSTOMER, pa.Table.from_pandas(frame, preserve_index=False), text=False, source="payments"
    )


def known_customers(cases: Cases, rows: np.ndarray) -> set[str]:
    names = cases.table.column("customer_id").take(pa.array(rows)).to_pylist()
    return {name for name in names if name is not None}


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(60, 200),
    customers=st.integers(25, 60),
    copies=st.integers(0, 3),
    unknown=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 1_000),
)
def test_a_grouped_split_parts_all_rows_and_no_group_and_no_duplicate(
    rows: int, customers: int, copies: int, unknown: float, seed: int
) -> None:
    cases = grouped(rows, customers, copies, unknown, seed)
    plan = plan_split(cases, seed)
    if "duplicates may not" in plan.method:
        return
    assert sorted([*plan.development, *plan.untouched]) == list(range(rows))
    folds = make_folds(cases, plan.development, seed)
    for a, b in [(plan.development, plan.untouched), *((fold.fit, fold.score) for fold in folds)]:
        assert not set(a) & set(b)
        assert not known_customers(cases, a) & known_customers(cases, b)
        assert not set(cases.groups[a]) & set(cases.groups[b])
    scored = np.concatenate([fold.score for fold in folds])
    assert len(scored) % len(plan.development) == 0
    assert set(scored) == set(plan.development)


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(40, 160), copies=st.integers(0, 30), seed=st.integers(0, 1_000))
def test_a_stratified_split_parts_all_rows_and_no_duplicate(rows: int, copies: int, seed: int) -> None:
    cases = replace(grouped(rows, 30, copies, seed=seed), use_case=replace(FRAUD, split=Split.STRATIFIED))
    plan = plan_split(cases, seed)
    folds = make_folds(cases, plan.development, seed)
    for a, b in [(plan.development, plan.untouched), *((fold.fit, fold.score) for fold in folds)]:
        assert not set(a) & set(b)
        assert not set(cases.groups[a]) & set(cases.groups[b])
    assert sorted([*plan.development, *plan.untouched]) == list(range(rows))


def test_a_grouped_split_keeps_the_bad_rate_as_well_as_the_groups_allow() -> None:
    cases = grouped(3_000, 200)
    plan = plan_split(cases, seed=0)
    assert plan.method == "by customer_id: a fifth is untouched; whole groups and duplicates stay together"
    assert cases.outcomes[plan.untouched].mean() == pytest.approx(1 / 3, abs=0.02)
    assert len(plan.untouched) == pytest.approx(600, abs=60)


def test_very_many_groups_are_dealt_out_at_once() -> None:
    cases = grouped(3 * BLOCKS_TO_PLACE, 2 * BLOCKS_TO_PLACE)
    plan = plan_split(cases, seed=0)
    assert not known_customers(cases, plan.development) & known_customers(cases, plan.untouched)
    assert cases.outcomes[plan.untouched].mean() == pytest.approx(1 / 3, abs=0.02)


def test_a_case_without_a_group_is_a_group_of_its_own() -> None:
    cases = grouped(400, 3, unknown=0.9)
    plan = plan_split(cases, seed=0)
    missing = [
        cases.table.column("customer_id").take(pa.array(rows)).null_count
        for rows in (plan.development, plan.untouched)
    ]
    assert min(missing) > 20


def test_where_no_case_has_a_group_the_split_is_stratified_and_says_so() -> None:
    plan = plan_split(grouped(300, 10, unknown=1.0), seed=0)
    assert plan.method == "stratified, as no case has a customer_id: a fifth is untouched"


def test_equal_cases_that_would_chain_most_groups_together_do_not_bind_them() -> None:
    cases = grouped(300, 40)
    same = {name: np.zeros_like(column) for name, column in cases.values.items()}
    plan = plan_split(replace(cases, values=same), seed=0)
    assert plan.method.endswith("whole groups stay together, duplicates may not")
    assert not known_customers(cases, plan.development) & known_customers(cases, plan.untouched)


def test_one_group_alone_cannot_be_split() -> None:
    with pytest.raises(UnreadableInput) as caught:
        plan_split(grouped(100, 1), seed=0)
    assert str(caught.value) == (
        "payments: training needs at least two distinct groups by customer_id of each outcome"
    )
