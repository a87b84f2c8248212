from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.scoring.policy import Costs
from training.data import Cases, cases_of_table, generate_cases
from training.fairness import fairness_report, protected_groups, proxy_report
from training.fairness.intervals import (
    Share,
    auc_interval,
    difference_interval,
    joint_z,
    ratio_interval,
)
from training.use_case import Column, ColumnType, Contract, Outcome, ReasonText, Role, UseCase
from training.use_cases import use_cases

APPROVE, REFER, DECLINE = 0, 1, 2


class Table:
    """Rows of one attribute, built group by group from counts."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.outcomes: list[int] = []
        self.decisions: list[int] = []
        self.probabilities: list[float] = []

    def add(self, group: str, outcome: int, decision: int, rows: int, probability: float = 0.2) -> Table:
        self.labels += [group] * rows
        self.outcomes += [outcome] * rows
        self.decisions += [decision] * rows
        self.probabilities += [probability] * rows
        return self

    def report(self, weights: np.ndarray | None = None) -> dict[str, Any]:
        return fairness_report(
            {"sex": self.labels},
            np.array(self.outcomes, dtype=np.int8),
            np.array(self.probabilities),
            np.array(self.decisions, dtype=np.int8),
            weights,
        )

    def figures(self, group: str, weights: np.ndarray | None = None) -> dict[str, Any]:
        found: dict[str, Any] = _group(self.report(weights), group)["figures"]
        return found


def by_hand() -> Table:
    """Women: 80 of 100 approved, 12 of 20 bad stopped, 8 of 80 good stopped. Men: 100 of 200, 36 of 40, 64 of 160."""
    table = Table()
    table.add("women", 1, DECLINE, 12).add("women", 1, APPROVE, 8)
    table.add("women", 0, REFER, 8).add("women", 0, APPROVE, 72)
    table.add("men", 1, DECLINE, 20).add("men", 1, REFER, 16).add("men", 1, APPROVE, 4)
    return table.add("men", 0, DECLINE, 64).add("men", 0, APPROVE, 96)


def test_rates_of_a_table_worked_by_hand() -> None:
    women, men = by_hand().figures("women"), by_hand().figures("men")
    assert (women["bad_rate"]["value"], men["bad_rate"]["value"]) == (0.2, 0.2)
    assert (women["approval_rate"]["value"], men["approval_rate"]["value"]) == (0.8, 0.5)
    assert (women["tpr"]["value"], men["tpr"]["value"]) == (0.6, 0.9)
    assert (women["fpr"]["value"], men["fpr"]["value"]) == (0.1, 0.4)


def test_gaps_and_the_ratio_are_against_the_most_approved_group() -> None:
    report = by_hand().report()
    men = _group(report, "men")["figures"]
    assert report["attributes"]["sex"]["reference"] == "women"
    assert men["approval_ratio"]["value"] == pytest.approx(0.625)
    assert men["tpr_gap"]["value"] == pytest.approx(0.3)
    assert men["fpr_gap"]["value"] == pytest.approx(0.3)
    women = _group(report, "women")["figures"]
    assert [women[name] for name in ("approval_ratio", "tpr_gap", "fpr_gap")] == [None, None, None]


def test_the_interval_of_a_ratio_is_that_of_its_logarithm() -> None:
    error = math.sqrt(0.5 / 100 + 0.2 / 80)
    expected = [0.625 * math.exp(sign * 1.959964 * error) for sign in (-1, 1)]
    assert by_hand().figures("men")["approval_ratio"]["interval"] == pytest.approx(expected, abs=1e-6)


def test_wilsons_and_newcombes_intervals_are_those_of_their_papers() -> None:
    assert Share(81 / 263, 263).interval() == pytest.approx((0.2553, 0.3662), abs=5e-5)
    found = difference_interval(Share(56 / 70, 70), Share(48 / 80, 80))
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_calibration_compares_bad_rate_and_mean_probability() -> None:
    table = Table()
    table.add("women", 1, APPROVE, 30, 0.3).add("women", 0, APPROVE, 70, 0.3)
    table.add("men", 1, APPROVE, 30, 0.1).add("men", 0, APPROVE, 70, 0.1)
    right, understated = table.figures("women"), table.figures("men")
    assert right["calibration_gap"]["value"] == pytest.approx(0)
    assert right["calibration_gap"]["p"] == pytest.approx(1)
    assert right["calibration_ratio"]["value"] == pytest.approx(1)
    assert understated["calibration_ratio"]["value"] == pytest.approx(3)
    # The standard error of a rate of 0.1 in 100 rows is 0.03: the gap of 0.2 is 6.67 of them.
    assert understated["calibration_gap"]["p"] == pytest.approx(math.erfc(0.2 / 0.03 / math.sqrt(2)))
    # That of the rate observed, 0.3, is what an interval needs.
    half = 1.959964 * math.sqrt(0.3 * 0.7 / 100)
    assert understated["calibration_gap"]["interval"] == pytest.approx([0.2 - half, 0.2 + half], abs=1e-6)


def test_the_ranking_within_a_group_is_its_own() -> None:
    table = Table()
    table.add("women", 1, APPROVE, 30, 0.9).add("women", 0, APPROVE, 70, 0.1)
    table.add("men", 1, APPROVE, 30, 0.5).add("men", 0, APPROVE, 70, 0.5)
    women, men = table.figures("women")["roc_auc"], table.figures("men")["roc_auc"]
    assert (women["value"], men["value"]) == (1.0, 0.5)
    assert women["interval"][0] < women["interval"][1] == 1.0


@pytest.mark.parametrize(
    ("rows", "bad"), [(49, 20), (200, 9), (200, 191)], ids=["few rows", "few bad", "few good"]
)
def test_a_small_group_is_neither_judged_nor_shown_nor_the_reference(rows: int, bad: int) -> None:
    table = by_hand().add("others", 1, APPROVE, bad).add("others", 0, APPROVE, rows - bad)
    report = table.report()
    assert _group(report, "others") == {"group": "others", "rows": rows, "judged": False, "figures": None}
    assert report["attributes"]["sex"]["reference"] == "women"


def test_those_whose_group_is_unknown_are_shown_and_not_judged() -> None:
    report = by_hand().add("unknown", 1, APPROVE, 20).add("unknown", 0, APPROVE, 80).report()
    unknown = _group(report, "unknown")
    assert not unknown["judged"]
    assert unknown["figures"]["approval_rate"]["value"] == 1.0
    assert report["attributes"]["sex"]["reference"] == "women"


def test_a_group_of_which_nobody_is_approved_has_a_ratio_of_zero_with_an_interval() -> None:
    found = by_hand().add("others", 1, DECLINE, 20).add("others", 0, DECLINE, 80).figures("others")
    assert found["approval_ratio"]["value"] == 0
    low, high = found["approval_ratio"]["interval"]
    assert 0 < low < high < 0.8


def test_there_is_no_ratio_where_nobody_at_all_is_approved() -> None:
    table = Table()
    for group in ("women", "men"):
        table.add(group, 1, DECLINE, 20).add(group, 0, DECLINE, 80)
    assert [table.figures(group)["approval_ratio"] for group in ("women", "men")] == [None, None]


def test_equal_weights_change_nothing_and_others_stand_for_their_rows() -> None:
    table = by_hand()
    _assert_close(table.report(np.full(300, 7.0)), table.report())
    weights = np.where(np.array(table.outcomes) == 1, 0.5, 1.0)
    women = table.figures("women", weights)
    assert women["bad_rate"]["value"] == pytest.approx(10 / 90)
    assert women["tpr"]["value"] == pytest.approx(0.6)
    assert women["approval_rate"]["value"] == pytest.approx((4 + 72) / 90)


def test_joint_intervals_are_the_wider_the_more_groups_there_are() -> None:
    table = by_hand()
    alone = table.figures("men")["approval_ratio"]
    assert alone["joint"] == pytest.approx(alone["interval"])
    table.add("others", 1, APPROVE, 20).add("others", 0, DECLINE, 80)
    among_three = table.figures("men")["approval_ratio"]
    assert among_three["joint"][0] < among_three["interval"][0]
    assert among_three["joint"][1] > among_three["interval"][1]
    assert joint_z(2) == pytest.approx(2.241403)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_figure_is_finite_json_within_its_interval(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    rate, rows = data.draw(st.floats(0.01, 0.99)), data.draw(st.integers(60, 400))
    rng = np.random.default_rng(seed)
    report = fairness_report(
        {"group": rng.choice(["a", "b", "c"], rows).tolist()},
        (rng.random(rows) < rate).astype(np.int8),
        rng.random(rows),
        rng.integers(0, 3, rows).astype(np.int8),
    )
    json.dumps(report, allow_nan=False)
    for group in report["attributes"]["group"]["groups"]:
        for found in (group["figures"] or {}).values():
            if isinstance(found, dict):
                for name in {"interval", "joint"} & found.keys():
                    low, high = found[name]
                    assert low - 1e-12 <= found["value"] <= high + 1e-12


def test_intervals_hold_the_truth_in_about_95_of_100_samples() -> None:
    rng = np.random.default_rng(1)
    held = {"ratio": 0, "difference": 0, "auc": 0}
    draws = 600
    for _ in range(draws):
        one, other = Share(rng.binomial(120, 0.7) / 120, 120), Share(rng.binomial(200, 0.85) / 200, 200)
        held["ratio"] += _holds(ratio_interval(one, other), 0.7 / 0.85)
        held["difference"] += _holds(difference_interval(one, other), -0.15)
        bad, good = rng.normal(1, 1, 40), rng.normal(0, 1, 150)
        auc = float((bad[:, None] > good).mean())
        # Two normals one standard deviation apart: the normal distribution at 1 / sqrt(2).
        held["auc"] += _holds(auc_interval(auc, 40, 150), 0.760250)
    # Three standard errors; that of an AUC is known to be on the wide side for normal scores.
    for name, count in held.items():
        assert 0.923 <= count / draws <= (0.99 if name == "auc" else 0.977), held


def test_ages_are_banded_and_levels_named() -> None:
    cases = _cases(age=[18, 24, 25, 34, 64, 65, 90, None], flag=[True, False, True, None] * 2)
    groups = protected_groups(cases)
    assert groups["age"] == ["18-24", "18-24", "25-34", "25-34", "55-64", "65+", "65+", "unknown"]
    assert groups["flag"] == ["yes", "no", "yes", "unknown"] * 2


@settings(max_examples=40, deadline=None)
@given(youngest=st.one_of(st.none(), st.integers(0, 90)), above=st.lists(st.integers(0, 99), min_size=1))
def test_every_age_lies_in_the_band_whose_name_says_so(youngest: int | None, above: list[int]) -> None:
    ages = [(youngest or 0) + years for years in above] * 2
    for age, band in zip(ages, protected_groups(_cases(youngest, age=ages))["age"], strict=True):
        low, high = _ends_of(band)
        assert low <= age <= high, f"{age} is not {band}"


@pytest.mark.parametrize(
    ("youngest", "bands"),
    [
        (None, ["under 25", "25-34"]),
        (18, ["18-24", "25-34"]),
        (24, ["24", "25-34"]),
        (25, ["25-34", "35-44"]),
        (30, ["30-34", "35-44"]),
        (60, ["60-64", "65+"]),
        (65, ["65+"]),
        (70, ["70+"]),
    ],
)
def test_the_first_band_of_age_begins_with_the_youngest_that_the_contract_allows(
    youngest: int | None, bands: list[str]
) -> None:
    found = protected_groups(_cases(youngest, age=list(range(youngest or 0, 100)) * 2))["age"]
    assert list(dict.fromkeys(found))[:2] == bands


def test_other_numbers_are_cut_at_their_quartiles() -> None:
    cases = _cases(children=[0, 0, 1, 1, 2, 2, 3, 3])
    assert protected_groups(cases)["children"] == [
        *["below 1"] * 2,
        *["1 to below 2"] * 2,
        *["2 to below 3"] * 2,
        *["from 3"] * 2,
    ]


def test_the_groups_of_the_built_in_use_cases_are_of_their_protected_columns() -> None:
    german = protected_groups(generate_cases(use_cases()["german_credit"], 300, seed=0))
    assert set(german) == {"Age", "Sex"}
    assert set(german["Sex"]) == {"female", "male"}
    fraud = protected_groups(generate_cases(use_cases()["fraud_transactions"], 1_000, seed=0))
    assert fraud == {}


def test_a_planted_proxy_is_found_and_an_unrelated_attribute_is_not() -> None:
    rng = np.random.default_rng(2)
    flag = rng.random(1_200) < 0.5
    told = np.where(flag, 2.0, 0.0) + rng.normal(0, 1, 1_200)
    cases = _cases(flag=flag.tolist(), age=rng.integers(20, 70, 1_200).tolist(), told=told.tolist())
    found = proxy_report(cases, seed=0)["attributes"]
    assert found["flag"]["strongest"][0]["input"] == "told"
    # Normals two standard deviations apart: 0.921.
    assert found["flag"]["roc_auc"] == pytest.approx(0.92, abs=0.03)
    assert found["flag"]["strongest"][0]["roc_auc"] == pytest.approx(0.92, abs=0.03)
    assert found["age"]["roc_auc"] == pytest.approx(0.5, abs=0.04)


def test_proxies_are_the_same_for_the_same_seed_and_of_at_most_ten_thousand_rows() -> None:
    cases = generate_cases(use_cases()["loan_approval"], 10_500, seed=3)
    first = proxy_report(cases, seed=5)
    assert first == proxy_report(cases, seed=5)
    assert first["rows"] == 10_000
    json.dumps(first, allow_nan=False)


@pytest.mark.parametrize("known", [0, 1])
def test_an_input_without_a_value_in_a_fit_is_no_proxy_and_no_obstacle(known: int) -> None:
    # Of a single value, one fit has none and scores it.
    rng = np.random.default_rng(4)
    told = [float(row) if row < known else None for row in range(400)]
    cases = _cases(flag=(rng.random(400) < 0.5).tolist(), told=told)
    found = proxy_report(cases, seed=0)["attributes"]["flag"]
    assert found["roc_auc"] == pytest.approx(0.5, abs=0.05)


def test_an_attribute_with_one_group_that_is_large_enough_has_no_proxies() -> None:
    cases = _cases(flag=[True] * 100 + [False] * 20, told=list(range(120)))
    found = proxy_report(cases, seed=0)["attributes"]["flag"]
    assert found == {"roc_auc": None, "groups": [], "strongest": []}


def _ends_of(band: str) -> tuple[int, int]:
    if band.startswith("under "):
        return 0, int(band.removeprefix("under ")) - 1
    if band.endswith("+"):
        return int(band[:-1]), 10**9
    low, _, high = band.partition("-")
    return int(low), int(high or low)


def _group(report: dict[str, Any], name: str) -> dict[str, Any]:
    groups: list[dict[str, Any]] = report["attributes"]["sex"]["groups"]
    return next(group for group in groups if group["group"] == name)


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def _assert_close(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            _assert_close(one[key], other[key])
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            _assert_close(a, b)
    else:
        assert one == (pytest.approx(other) if isinstance(one, float) else other)


def _cases(youngest: int | None = 18, **columns: Sequence[Any]) -> Cases:
    """Return cases with protected columns age (years), children (number), flag (boolean) and a feature, told."""
    rows = len(next(iter(columns.values())))
    kinds = {"age": ColumnType.INTEGER, "children": ColumnType.INTEGER, "flag": ColumnType.BOOLEAN}
    protected = tuple(
        Column(
            name=name,
            type=kind,
            role=Role.PROTECTED,
            unit="years" if name == "age" else "",
            minimum=youngest if name == "age" else None,
        )
        for name, kind in kinds.items()
    )
    case = UseCase(
        contract=Contract(
            use_case="small",
            title="Small",
            columns=(*protected, Column(name="told", type=ColumnType.NUMBER, nullable=True)),
            outcome=Outcome(name="bad", bad=(1,), good=(0,)),
        ),
        costs=Costs(1, 1),
        reasons={"told": ReasonText("TOLD", "Told")},
        source="this test",
        generate=lambda rng, rows: pytest.fail("never generated"),
    )
    table = pa.table({"told": [0.0] * rows, "bad": [0, 1] * (rows // 2), **columns})
    return cases_of_table(case, table, text=False, source="this test")
