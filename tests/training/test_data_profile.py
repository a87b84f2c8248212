from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scoring.profile import stability_index
from training.cli.profile import profile
from training.data import Cases, cases_of_table, generate_cases, read_cases
from training.data_profile import data_profile, profile_page
from training.data_profile.association import level_associations, rank_correlations
from training.data_profile.bins import binned
from training.data_profile.cells import FEW, LEAST_CELL, cells, rate
from training.data_profile.information import information_value, weights_of_evidence
from training.use_case import Column, ColumnType, UseCase
from training.use_cases import use_cases

CREDIT, FRAUD, GERMAN = (use_cases()[name] for name in ("credit_risk", "fraud_transactions", "german_credit"))


def cases_of(use_case: UseCase, frame: pd.DataFrame) -> Cases:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return cases_of_table(use_case, table, text=False, source="cases.csv")


def column(statistics: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in statistics["columns"] if item["name"] == name)
    return found


@pytest.fixture(scope="module")
def fraud() -> dict[str, Any]:
    return data_profile(generate_cases(FRAUD, 12_000, seed=1))


@pytest.fixture(scope="module")
def credit() -> dict[str, Any]:
    frame = CREDIT.sample(3_000, seed=1)
    frame.loc[:1, "person_age"] = 144
    frame.loc[2:3, "person_home_ownership"] = "OTHER"
    frame.loc[4:, "person_home_ownership"] = frame.loc[4:, "person_home_ownership"].replace("OTHER", "RENT")
    frame.iloc[10] = frame.iloc[11]
    return data_profile(cases_of(CREDIT, frame))


@pytest.fixture(scope="module")
def fraud_page(fraud: dict[str, Any]) -> str:
    return profile_page(fraud)


@pytest.fixture(scope="module")
def credit_page(credit: dict[str, Any]) -> str:
    return profile_page(credit)


def test_the_overview_counts_rows_bad_cases_duplicates_and_refusals(credit: dict[str, Any]) -> None:
    assert credit["rows"] == 2_998
    assert credit["bad"]["low"] < credit["bad"]["bad_rate"] < credit["bad"]["high"]
    assert credit["duplicates"]["repeated"] == 1
    assert [count for reason, count in credit["refused"].items() if reason.startswith("person_age")] == [2]


def test_every_declared_and_derived_column_is_described_with_its_role(credit: dict[str, Any]) -> None:
    roles = {item["name"]: item["role"] for item in credit["columns"]}
    assert roles["person_age"] == "protected"
    assert roles["loan_amnt"] == "feature"
    assert roles["loan_to_income"] == "derived"
    assert len(roles) == len(CREDIT.contract.columns) + len(CREDIT.contract.derived)


def test_bins_have_the_cases_and_the_bad_rates_that_the_data_have() -> None:
    cases = generate_cases(CREDIT, 3_000, seed=1)
    found = column(data_profile(cases), "loan_grade")["bins"]
    frame = cases.table.to_pandas()
    expected = frame.groupby("loan_grade")["loan_status"].agg(["size", "mean"])
    for item in found:
        if item["cases"] not in (0, FEW) and not item["with_few"]:
            assert item["cases"] == expected.loc[item["label"], "size"]
            assert item["bad_rate"] == pytest.approx(expected.loc[item["label"], "mean"])


def test_a_group_of_fewer_than_five_is_not_shown_and_cannot_be_had_by_subtraction(
    credit: dict[str, Any],
) -> None:
    found = column(credit, "person_home_ownership")["bins"]
    other = next(item for item in found if item["label"] == "OTHER")
    assert other == {
        "label": "OTHER",
        "cases": "<5",
        "bad_rate": None,
        "low": None,
        "high": None,
        "with_few": False,
        "woe": None,
        "rare": True,
    }
    assert sum(item["cases"] for item in found if item["cases"] != "<5") == credit["rows"]
    assert [item["label"] for item in found if item["with_few"]] == ["OWN"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=8))
def test_no_shown_cell_has_one_to_four_cases_and_none_is_lost(groups: list[tuple[int, int]]) -> None:
    counts = [good + bad for good, bad in groups]
    shown = [item["cases"] for item in cells(counts, [bad for _, bad in groups])]
    open_cells = [count for count in shown if count != FEW]
    assert all(count == 0 or count >= LEAST_CELL for count in open_cells)
    if any(count >= LEAST_CELL for count in counts):
        assert sum(open_cells) == sum(counts)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(-50, 50), st.floats(-1e6, 1e6)), min_size=20, max_size=200),
    st.integers(0, 1_000),
)
def test_every_bin_of_a_number_holds_five_good_and_five_bad_cases_or_all_are_one(
    raw: list[float | None], seed: int
) -> None:
    values = np.array([np.nan if value is None else value for value in raw], dtype=np.float64)
    outcomes = np.random.default_rng(seed).integers(0, 2, len(values)).astype(np.int8)
    found = binned(values, Column(name="x", type=ColumnType.NUMBER, nullable=True), outcomes)
    present = ~np.isnan(values)
    numbers = len(found.labels) - found.has_nulls
    for outcome in (0, 1):
        counts = np.bincount(found.codes[present & (outcomes == outcome)], minlength=numbers)
        assert numbers == 1 or counts.min() >= LEAST_CELL
    assert len(found.codes) == len(values)
    assert found.codes.max() < len(found.labels)


def test_no_single_value_and_no_id_is_in_the_statistics_or_on_the_page() -> None:
    frame = FRAUD.sample(3_000, seed=1)
    frame["is_fraud"] = (np.arange(3_000) % 5 == 0).astype(int)
    frame["customer_id"] = [f"PERSON-{number}" for number in range(3_000)]
    frame.loc[7, "amount"] = 73_219.37
    frame["customer_avg_amount_7d"] = np.where(np.arange(3_000) == 7, 91_834.21, 10.0)
    statistics = data_profile(cases_of(FRAUD, frame))
    text = json.dumps(statistics) + profile_page(statistics)
    assert "PERSON-" not in text
    assert not re.search(r"73[,.]?219|91[,.]?834", text)


def test_quantiles_are_given_only_where_five_cases_lie_beyond() -> None:
    assert list(column(data_profile(generate_cases(GERMAN, 200, seed=1)), "Duration")["quantiles"]) == [
        "5%",
        "25%",
        "50%",
        "75%",
        "95%",
    ]


def test_nulls_are_a_bin_with_a_bad_rate_of_their_own(credit: dict[str, Any]) -> None:
    rates = column(credit, "loan_int_rate")
    assert rates["bins"][-1]["label"] == "null"
    assert rates["nulls"]["cases"] == rates["bins"][-1]["cases"] > 100
    assert rates["nulls"]["bad_rate"] is not None


def test_weights_of_evidence_and_information_value_are_the_textbook_ones() -> None:
    # 100 good and 50 bad; with half a case in every cell.
    weights = weights_of_evidence([90, 60], [10, 40])
    of_bad, of_good = np.array([10.5, 40.5]) / 51, np.array([80.5, 20.5]) / 101
    assert weights == pytest.approx(np.log(of_bad / of_good))
    value = information_value([90, 60], [10, 40])
    assert value["value"] == pytest.approx(float(((of_bad - of_good) * weights).sum()))
    assert value["band"] == "very strong"


def test_a_column_that_says_nothing_stays_below_what_chance_gives() -> None:
    rng = np.random.default_rng(0)
    above = 0
    for _ in range(300):
        bins, outcomes = rng.integers(0, 8, 2_000), rng.random(2_000) < 0.2
        found = information_value(
            np.bincount(bins, minlength=8).tolist(), np.bincount(bins[outcomes], minlength=8).tolist()
        )
        above += found["value"] > found["chance"]
    assert above <= 10


def test_intervals_cover_the_true_rate_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    found = [rate(200, int(bad)) for bad in rng.binomial(200, 0.07, 500)]
    assert np.mean([item["low"] <= 0.07 <= item["high"] for item in found]) == pytest.approx(0.95, abs=0.03)


def test_rank_correlations_are_pandas_own_and_a_constant_has_none() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    columns = {"a": a, "b": a**3 + rng.normal(size=400), "c": np.ones(400)}
    found = rank_correlations(columns)
    expected = pd.DataFrame(columns)[["a", "b"]].corr(method="spearman").iloc[0, 1]
    assert found["matrix"][0][1] == pytest.approx(expected, abs=1e-6)
    assert found["matrix"][0][2] is None


def test_level_associations_are_one_for_equal_columns_and_none_for_strangers() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 4, 2_000) for _ in range(2))
    matrix = level_associations({"a": (a, 4), "same": (a, 4), "b": (b, 4), "constant": (a * 0, 1)})["matrix"]
    assert matrix[0][1] == pytest.approx(1, abs=0.01)
    assert matrix[0][2] < 0.06
    assert matrix[0][3] is None


def test_time_gives_periods_and_the_stability_of_every_column(fraud: dict[str, Any]) -> None:
    time = fraud["time"]
    assert (time["column"], time["period"]) == ("tx_datetime", "week")
    assert 4 <= len(time["periods"]) <= 24
    assert pd.Timestamp(time["periods"][1]["from"]).day_name() == "Monday"
    assert {item["column"] for item in time["stability"]} == {item["name"] for item in fraud["columns"]}
    assert max(item["psi"] for item in time["stability"]) < 0.1


def test_a_column_that_moves_has_a_high_psi_and_others_do_not() -> None:
    frame = FRAUD.sample(6_000, seed=1)
    frame.loc[3_000:, "customer_tx_count_7d"] += 30
    statistics = data_profile(cases_of(FRAUD, frame))
    psi = {item["column"]: item["psi"] for item in statistics["time"]["stability"]}
    assert psi["customer_tx_count_7d"] > 1
    assert psi["amount"] < 0.05
    assert stability_index([50, 50], [50, 50]) == pytest.approx(0)


def test_cases_without_times_have_no_section_about_time(credit: dict[str, Any], credit_page: str) -> None:
    assert credit["time"] is None
    assert "Over time" not in credit_page


def test_the_page_stands_alone_without_scripts_and_addresses(fraud: dict[str, Any], fraud_page: str) -> None:
    page = fraud_page
    assert page.startswith("<!DOCTYPE html>")
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', page.replace("xlink:", ""))
    assert page.count("<svg") == 2 * len(fraud["columns"]) + 1
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_page_says_what_is_protected_generated_and_by_rule_of_thumb(
    fraud_page: str, credit_page: str
) -> None:
    assert "These cases were generated" in fraud_page
    assert "These cases were generated" not in credit_page
    assert "protected, no input" in credit_page
    assert "rule of thumb" in credit_page
    assert "&lt;5" in credit_page


def test_names_and_levels_of_a_use_case_are_text_and_never_markup() -> None:
    contract = GERMAN.contract.model_copy(update={"title": "<b>A & B</b>"})
    cases = replace(generate_cases(GERMAN, 300, seed=1), source="<script>alert(1)</script>")
    page = profile_page(data_profile(replace(cases, use_case=replace(GERMAN, contract=contract))))
    assert "<script" not in page
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in page


def test_the_same_cases_give_the_same_bytes_of_plain_json() -> None:
    loans = [data_profile(generate_cases(use_cases()["loan_approval"], 500, seed=1)) for _ in range(2)]
    assert json.loads(json.dumps(loans[0], allow_nan=False)) == loans[1]
    assert profile_page(loans[0]) == profile_page(loans[1])


def test_ten_rows_are_described_too() -> None:
    frame = FRAUD.sample(10, seed=1)
    frame["is_fraud"] = [0, 1] * 5
    assert profile_page(data_profile(cases_of(FRAUD, frame)))


def test_the_command_writes_the_page_and_says_that_the_cases_were_generated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "page.html"
    profile("loan_approval", data=None, rows=400, seed=1, output=target, as_json=False)
    assert "400 generated cases" in capsys.readouterr().out
    assert target.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_the_command_prints_the_statistics_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cases.csv"
    GERMAN.sample(300, seed=1).to_csv(file, index=False)
    profile("german_credit", data=file, rows=400, seed=1, output=None, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert (printed["rows"], printed["generated"], printed["source"]) == (300, False, "cases.csv")


def test_no_word_of_the_page_lies_outside_it(tmp_path: Path, fraud_page: str, browser: Any) -> None:
    (tmp_path / "page.html").write_text(fraud_page, "utf-8")
    for width in (390, 1_200):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto((tmp_path / "page.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_the_real_credit_file_shows_its_known_rates(real_data: Path) -> None:
    statistics = data_profile(read_cases(CREDIT, real_data / "credit_risk_dataset.csv"))
    grades = {item["label"]: item["bad_rate"] for item in column(statistics, "loan_grade")["bins"]}
    assert grades["A"] == pytest.approx(0.10, abs=0.01)
    assert grades["G"] == pytest.approx(0.98, abs=0.01)
    assert column(statistics, "person_emp_length")["nulls"]["cases"] == 724
    assert statistics["duplicates"]["repeated"] == 107
