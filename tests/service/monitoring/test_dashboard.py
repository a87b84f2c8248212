"""The dashboard's figures, worked out from what was counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.monitoring.cells import Cell, Cells, Of
from service.monitoring.dashboard import Known, watched_json
from service.monitoring.dashboard.stability import index_of
from service.monitoring.dashboard.told import Told
from service.monitoring.events import Event
from service.monitoring.score_bins import UNKNOWN, bins_of, borders
from service.scoring.profile import stability_index
from tests.service.monitoring.boards import (
    FIGURES,
    FIRST,
    HOUR,
    NOW,
    PERIOD,
    board,
    decided,
    together,
    told,
)
from tests.service.monitoring.counted import DAY, MONDAY, SCORER, USE_CASE


def test_with_nothing_counted_every_list_is_there_and_no_figure_is_made_up() -> None:
    body = board({}, behind=7)
    assert (body["caught_up"], body["behind"]) == (False, 7)
    assert (body["from"], body["until"], body["zone"]) == ("2026-11-02", "2026-11-15", "UTC")
    assert body["volume"] == {name: [0] * 14 for name in ("approve", "refer", "decline", "refused", "batch")}
    assert body["score"]["psi"] == [None] * 14
    assert body["score"]["reference"] == list(SCORER.profile.probability.counts)
    assert {column["status"] for column in body["columns"]} == {"few"}
    assert [column["name"] for column in body["columns"]] == list(SCORER.contract.inputs)
    assert body["outcomes"] == {"maturity_days": None, "cohorts": [], "reliability": []}
    assert (body["models"], body["shadow"], body["marks"], body["incidents"]) == ([], [], [], [])
    assert body["report"] is None


def test_volume_is_by_day_and_batch_decisions_are_among_the_decisions() -> None:
    body = board(
        together(
            decided(0, (5, 2, 1), refused=4), decided(0, (10, 0, 0), source="batch"), decided(13, (1, 1, 1))
        )
    )
    volume = {name: (values[0], values[13]) for name, values in body["volume"].items()}
    assert volume == {
        "approve": (15, 1),
        "refer": (2, 1),
        "decline": (1, 1),
        "refused": (4, 0),
        "batch": (10, 0),
    }


def test_the_scores_psi_is_against_the_profile() -> None:
    reference = np.array(SCORER.profile.probability.counts)
    same = decided(1, (500, 0, 0), SCORER.tag, scores=reference)
    moved = decided(2, (500, 0, 0), SCORER.tag, scores=reference[::-1])
    few = decided(3, (5, 0, 0), SCORER.tag)
    score = board(together(same, moved, few))["score"]
    assert score["psi"][1] == pytest.approx(0, abs=1e-12)
    assert score["psi"][2] == pytest.approx(stability_index(reference.tolist(), reference[::-1].tolist()))
    assert score["psi"][3] is None
    assert sum(score["analysis"]) == 2 * reference.sum() + 5


def test_the_scores_of_another_model_are_not_compared_with_the_served_ones_profile() -> None:
    reference = np.array(SCORER.profile.probability.counts)
    same = decided(1, (500, 0, 0), SCORER.tag, scores=reference)
    earlier = decided(1, (500, 0, 0), "small_loans:earlier", scores=reference[::-1])
    cells = together(same, earlier)
    assert board(cells)["score"] == board(same)["score"]
    assert watched_json(SCORER, PERIOD, Known(cells, [], None, 0, NOW), 0)["psi"] == pytest.approx(
        0, abs=1e-12
    )


def inputs(day: int, of: str, counts: Any) -> Cells:
    """Counts of one input, the others being as in the profile."""
    usual = {name: np.array([*item.counts, item.nulls]) for name, item in SCORER.profile.inputs.items()}
    return {Cell(Of.INPUTS, FIRST + day, source="online"): usual | {of: np.asarray(counts)}}


def test_an_input_that_has_drifted_is_in_alarm_and_the_others_are_not() -> None:
    usual = SCORER.profile.inputs["income"]
    moved = np.array([*usual.counts, usual.nulls])
    moved = np.concatenate([np.zeros(10, np.int64), moved[:10] + moved[10:20], moved[20:]])
    columns = {item["name"]: item for item in board(inputs(3, "income", moved))["columns"]}
    income = columns["income"]
    assert income["status"] == "alarm"
    assert income["window_csi"] == income["csi"][3]
    assert income["csi"][:3] == [None] * 3
    assert len(income["labels"]) == len(income["reference"]) == len(income["analysis"]) == 10
    assert income["labels"][0].startswith("below ")
    assert income["labels"][-1].startswith("from ")
    assert {item["status"] for name, item in columns.items() if name != "income"} == {"ok"}


def test_nulls_are_a_value_of_their_own_where_there_are_any() -> None:
    columns = {item["name"]: item for item in board(inputs(0, "age", [0] * 20 + [300]))["columns"]}
    assert columns["age"]["labels"][-1] == "null"
    assert columns["age"]["nulls"][:2] == [1.0, None]
    assert columns["age"]["analysis"][-1] == 1.0
    assert columns["age"]["status"] == "alarm"
    assert "null" not in columns["purpose"]["labels"]
    assert columns["purpose"]["labels"] == ["car", "radio/TV", "a, b"]


@given(
    st.lists(st.integers(0, 400), min_size=3, max_size=12).flatmap(
        lambda counts: st.tuples(st.just(counts), st.permutations(counts))
    )
)
def test_an_index_is_known_where_chance_alone_is_no_half_of_a_warning(counts: Any) -> None:
    reference, analysis = (np.array(item) for item in counts)
    found = index_of(reference, analysis)
    bins, records = np.count_nonzero(reference + analysis), analysis.sum()
    assert (found is None) == (records < 120 or (bins - 1) / records > 0.05)
    assert found is None or found >= 0


def look(maturity_days: int) -> Event:
    """What `aval drift` said, as far as it tells when outcomes count."""
    return Event(USE_CASE, "report", "k", NOW, {"performance": {"maturity_days": maturity_days}})


def outcomes_of_two_weeks() -> Cells:
    """Decisions of the third, tenth and last day, 400 each, all of them with an outcome."""
    rng = np.random.default_rng(4)
    p = rng.uniform(0.01, 0.6, 400)
    days = (2, 9, 13)
    return together(
        *(decided(day, (400, 0, 0)) for day in days), *(told(day, p, rng.random(400) < p) for day in days)
    )


def test_what_happened_is_told_of_matured_decisions_alone() -> None:
    # Twenty days after the first day, so that its twelfth day is the last one that has matured.
    outcomes = board(outcomes_of_two_weeks(), report=look(maturity_days=8))["outcomes"]
    first, second = outcomes["cohorts"]
    assert outcomes["maturity_days"] == 8
    assert (first["matured"], second["matured"]) == (True, False)
    assert None not in [first[name] for name in FIGURES]
    assert {second[name] for name in FIGURES} == {None}
    assert (second["decisions"], second["told"]) == (800, 800)
    assert sum(group["n"] for group in outcomes["reliability"]) == 800


def test_a_day_has_matured_when_its_last_decision_is_old_enough() -> None:
    cells = outcomes_of_two_weeks()
    matured = {
        days: [cohort["matured"] for cohort in board(cells, report=look(days))["outcomes"]["cohorts"]]
        for days in (6, 7, 13, 14)
    }
    assert matured == {6: [True, True], 7: [True, False], 13: [True, False], 14: [False, False]}


@pytest.mark.parametrize("said", [None, Event(USE_CASE, "report", "k", NOW, {"columns": []})])
def test_where_nobody_has_said_when_outcomes_count_none_is_judged(said: Event | None) -> None:
    outcomes = board(outcomes_of_two_weeks(), report=said)["outcomes"]
    assert outcomes["maturity_days"] is None
    assert [cohort["matured"] for cohort in outcomes["cohorts"]] == [False, False]
    assert {cohort[name] for cohort in outcomes["cohorts"] for name in FIGURES} == {None}
    assert [cohort["told"] for cohort in outcomes["cohorts"]] == [400, 800]
    assert outcomes["reliability"] == []


def test_cohorts_are_weeks_of_decisions_with_what_was_expected_of_those_that_were_told() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.01, 0.6, 400)
    bad = rng.random(400) < p
    cells = together(
        decided(2, (400, 0, 0)), decided(9, (50, 0, 0)), told(2, p, bad), told(9, p[:10], bad[:10])
    )
    first, second = board(cells, report=look(maturity_days=6))["outcomes"]["cohorts"]
    assert (first["week"], first["decisions"], first["told"], first["bad"]) == (
        "2026-11-02",
        400,
        400,
        bad.sum(),
    )
    assert first["expected_bad"] == pytest.approx(p.sum())
    assert first["brier"] == pytest.approx(((p - bad) ** 2).mean())
    assert (second["week"], second["told"], second["brier"], second["auc"]) == ("2026-11-09", 10, None, None)


def test_the_auc_of_bins_is_close_to_that_of_the_probabilities() -> None:
    rng = np.random.default_rng(5)
    for scale in (0.02, 0.6):
        p = rng.beta(1, 4, 20_000) * scale
        bad = rng.random(20_000) < p
        (counts,) = told(0, p, bad).values()
        ranks = np.empty(len(p))
        ranks[np.argsort(p)] = np.arange(1, len(p) + 1)
        exact = (ranks[bad].mean() - (bad.sum() + 1) / 2) / (~bad).sum()
        assert Told([counts]).auc == pytest.approx(exact, abs=0.004)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=300))
def test_groups_of_similar_probabilities_hold_each_outcome_once_in_order(
    pairs: list[tuple[float, bool]],
) -> None:
    p, bad = zip(*pairs, strict=True)
    groups = board(told(0, p, bad), report=look(maturity_days=6))["outcomes"]["reliability"]
    assert sum(group["n"] for group in groups) in (0, len(pairs))
    assert (len(pairs) >= 30) == bool(groups)
    edges = [edge for group in groups for edge in (group["from"], group["to"])]
    assert edges == sorted(edges)
    for group in groups:
        assert 0 <= group["low"] <= group["bad_rate"] + 1e-12
        assert group["bad_rate"] <= group["high"] + 1e-12 <= 1 + 1e-9
        assert group["from"] - 1e-9 <= group["mean_probability"] <= group["to"] + 1e-9


@given(st.floats(0, 1))
def test_a_probability_lies_between_the_borders_of_its_bin(p: float) -> None:
    place = int(bins_of(np.array([p]))[0])
    low, high = borders()[place : place + 2]
    assert low - 1e-12 <= p <= high + 1e-12
    assert bins_of(np.array([np.nan]))[0] == UNKNOWN


def test_models_stand_side_by_side_and_a_later_one_is_a_mark() -> None:
    cells = together(
        decided(0, (5, 0, 0)),
        decided(1, (5, 0, 5)),
        decided(4, (0, 3, 0), model="small_loans:b"),
        decided(6, (1, 0, 0), model="small_loans:b", policy="p-2"),
        told(0, [0.1] * 4, [True, False, False, False]),
    )
    body = board(cells)
    first, second, third = body["models"]
    assert (first["model"], first["decisions"], first["approve"], first["decline"]) == (
        "small_loans:a",
        15,
        10,
        5,
    )
    assert (first["first"], first["last"]) == ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00.000005Z")
    assert (first["mean_probability"], first["told"], first["bad"], first["brier"]) == (
        pytest.approx(0.1),
        4,
        1,
        None,
    )
    assert (second["policy"], third["policy"]) == ("p-1", "p-2")
    assert body["marks"] == [
        {"at": "2026-11-06T00:00:00Z", "kind": "model", "text": "small_loans:b"},
        {"at": "2026-11-08T00:00:00Z", "kind": "policy", "text": "p-2"},
    ]


def marked(*parts: Cells) -> list[tuple[Any, str]]:
    """The marks of models, with the days since the first one."""
    moments = [
        (datetime.fromisoformat(mark["at"]).timestamp() * 1e6, mark)
        for mark in board(together(*parts))["marks"]
    ]
    return [((at - MONDAY) / DAY, mark["text"]) for at, mark in moments if mark["kind"] == "model"]


def test_a_model_that_is_taken_back_is_a_mark_each_time() -> None:
    models = [*"aabbab"]
    parts = [decided(day, (5, 0, 0), f"small_loans:{model}") for day, model in enumerate(models)]
    assert marked(*parts) == [
        (2, "small_loans:b"),
        (4, "back to small_loans:a"),
        (5, "back to small_loans:b"),
    ]


def test_a_model_that_is_taken_back_on_the_same_day_is_a_mark() -> None:
    before = decided(0, (5, 0, 0), span=(0, 20 * HOUR))
    tried = decided(0, (5, 0, 0), "small_loans:b", span=(6 * HOUR, 12 * HOUR))
    assert marked(before, tried, decided(1, (5, 0, 0))) == [
        (0.25, "small_loans:b"),
        (pytest.approx(0.5), "back to small_loans:a"),
    ]


def test_batch_runs_that_keep_their_model_are_no_return_to_it() -> None:
    online = [decided(day, (5, 0, 0), f"small_loans:{'abb'[day]}") for day in range(3)]
    batch = [decided(day, (5, 0, 0), source="batch", span=(9 * HOUR, 9 * HOUR)) for day in range(3)]
    assert marked(*online, *batch) == [(1, "small_loans:b")]


def test_a_batch_run_of_the_model_that_is_used_online_is_no_change() -> None:
    online = [decided(day, (5, 0, 0), f"small_loans:{'abb'[day]}") for day in range(3)]
    batch = decided(2, (5, 0, 0), "small_loans:b", source="batch", span=(HOUR, HOUR))
    assert marked(*online, batch) == [(1, "small_loans:b")]
    new = decided(2, (5, 0, 0), "small_loans:c", source="batch", span=(HOUR, HOUR))
    assert marked(*online, new)[1:] == [(pytest.approx(2 + 1 / 24), "small_loans:c")]


def test_what_a_shadow_says_is_compared() -> None:
    cell = Cell(Of.SHADOW, FIRST, "small_loans:b")
    counts = {"decisions": np.array([4]), "same": np.array([3]), "difference": np.array([-0.2])}
    assert board({cell: counts, replace(cell, day=FIRST + 1): counts})["shadow"] == [
        {"model": "small_loans:b", "decisions": 8, "same": 6, "mean_difference": pytest.approx(-0.05)}
    ]
