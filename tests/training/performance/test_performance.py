from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.benchmarks.watched_looks import as_of
from tests.benchmarks.watched_worlds import (
    BEGIN,
    MODEL,
    MONITORING,
    Change,
    Lived,
    World,
    live,
    scorer_of,
    use_case_of,
)
from training.performance import Action, advise, history, judge
from training.performance.figures import Figure
from training.performance.maturity import DAY
from training.performance.performance import Performance
from training.performance.seen import see
from training.performance.told import Told

QUIET = World()
CALM_REPORT: dict[str, Any] = {"columns": [{"name": "debt", "csi": 0.02, "status": "ok"}]}


def judged(world: World, seed: int = 0, lived: Lived | None = None) -> Performance:
    seen = lived or live(world, seed)
    return judge(seen.observed, seen.told, scorer_of(), use_case_of(world), seen.now)


def value(figure: Figure | None) -> float:
    assert figure is not None
    return figure.value


def advised(world: World, seed: int = 0, report: dict[str, Any] | None = None) -> Action:
    return advise(report or CALM_REPORT, judged(world, seed)).action


def test_a_quiet_world_is_judged_by_what_has_matured_and_left_alone() -> None:
    found = judged(QUIET)
    assert found.mature.too_few is None
    assert not found.alarm.raised
    assert found.ranking.verdict == "intact"
    assert found.until == BEGIN + (QUIET.days - 30) * DAY
    assert "referred and declined cases are left out" in found.population.text


def test_naive_figures_say_too_much_of_bad_cases_where_mature_ones_are_right() -> None:
    lived = live(World(days=120, per_day=200), 5)
    found = judged(World(days=120, per_day=200), lived=lived)
    approved = lived.observed.decisions == 0
    truth = float(lived.truth[approved].mean())
    mature = found.mature.bad_rate
    assert mature
    assert mature.low <= truth <= mature.high
    assert value(found.naive.bad_rate) > mature.high


def test_narrow_scores_of_the_approved_are_no_worse_ranking() -> None:
    found = judged(World(per_day=200))
    (untouched, *_) = found.ranking.compared
    promised = (found.promised or {})["metrics"]["roc_auc"]
    assert value(found.mature.auc) < promised - 0.05, "the approved are harder to rank than all"
    assert abs(untouched.difference.value) < 3 * untouched.difference.error
    assert found.ranking.verdict == "intact"


def test_declines_accepted_at_random_widen_the_population_to_all_records() -> None:
    world = World(per_day=150, tells="approved", accepted_declines=0.1)
    found = judged(world, 2)
    assert "each standing for 10" in found.population.text
    assert value(found.mature.auc) > value(judged(replace(world, accepted_declines=0.0), 2).mature.auc)


def test_decisions_of_other_models_are_not_counted() -> None:
    lived = live(World(tells="all"), 1)
    codes = (np.arange(lived.observed.rows) % 2).astype(np.int16)
    mixed = replace(lived.observed, models=(MODEL, "watched_loans:fedcba9876543210"), model_codes=codes)
    both, half = (
        judged(World(tells="all"), lived=replace(lived, observed=item)) for item in (lived.observed, mixed)
    )
    assert half.alarm.rows == pytest.approx(both.alarm.rows / 2, rel=0.05)
    assert half.mature.rows < both.mature.rows


def test_with_nothing_decided_every_figure_says_that_it_lacks_cases() -> None:
    found = judged(World(days=1, per_day=1))
    assert found.mature.too_few == "too few: 0 bad and 0 good cases, 30 of each are needed"
    assert (found.ranking.verdict, found.relations, found.alarm.rows) == ("too few", (), 0)
    json.dumps(found.to_json(), allow_nan=False)


def test_before_anything_has_matured_there_is_an_estimate_and_it_says_so() -> None:
    found = judged(World(days=20, per_day=100))
    assert found.mature.too_few
    assert value(found.expected.auc) > 0.6
    assert "estimate" in found.to_json()["expected"]["label"]


def test_what_is_expected_is_of_the_population_that_is_measured() -> None:
    world = World(days=240, per_day=60)
    lived = live(world, 3)
    found = judged(world, lived=lived)
    seen = lived.observed
    young = seen.at + 30 * DAY > lived.now
    assert found.expected.rows == int((young & (seen.decisions == 0)).sum())
    assert "of the kinds that matured figures are of" in found.to_json()["expected"]["population"]
    mature = found.mature.bad_rate
    assert mature
    assert mature.low <= value(found.expected.bad_rate) <= mature.high
    accepted = replace(world, accepted_declines=0.1)
    of_all = judged(accepted, 3).expected
    assert of_all.rows == int((young & (live(accepted, 3).observed.decisions != 1)).sum())


def late_good_outcomes(world: World, seed: int) -> Lived:
    """A world whose good outcomes are told by batches, each month's at its end, while bad ones are told at once."""
    lived = live(replace(world, days=world.days + 60), seed)
    said = lived.told.observed_at.copy()
    good = lived.told.bad == 0
    months = np.ceil((said[good] - BEGIN) / (30 * DAY)).astype(np.int64)
    said[good] = BEGIN + months * 30 * DAY
    return replace(lived, told=Told(lived.told.bad, said))


def test_bad_outcomes_that_are_told_before_the_good_ones_raise_no_alarm_on_any_day() -> None:
    world = World(days=239, per_day=60)
    late = late_good_outcomes(world, 0)
    for day in (200, 209, 225, 239):
        now = BEGIN + day * DAY
        found = judge(*as_of(late, now), scorer_of(), use_case_of(world), now)
        assert found.alarm.raised_on is None, day
        mature = found.mature.bad_rate
        assert mature
        truth = float(late.truth[(late.observed.decisions == 0)].mean())
        assert mature.low - 0.01 <= truth <= mature.high + 0.01, day
    (caution,) = found.population.cautions
    assert "matured approved cases do not count yet: fewer than nine of ten of their week" in caution
    assert advise(None, found).action is Action.WAIT


def test_where_outcomes_are_told_in_time_all_that_has_matured_counts() -> None:
    lived = live(QUIET, 0)
    seen = see(lived.observed, lived.told, MODEL, MONITORING, lived.now)
    approved = seen.observed.decisions == 0
    left = (seen.mature & approved & ~seen.counted).sum() / (seen.mature & approved).sum()
    assert left < 0.01, "only of the day that is maturing"
    assert (seen.counted_at[seen.counted] <= lived.now).all()


def test_a_judgement_and_its_advice_are_json_and_the_same_each_time() -> None:
    world = World(change=Change(120, shift=0.6), tells="all")
    texts = set()
    for _ in range(2):
        found = judged(world)
        texts.add(json.dumps([found.to_json(), advise(CALM_REPORT, found).to_json()], allow_nan=False))
    assert len(texts) == 1


def test_the_history_is_a_year_of_matured_decisions_and_begins_with_a_day() -> None:
    window = history(MONITORING, BEGIN + 400 * DAY + 5)
    assert (window.since, window.until) == (BEGIN + 5 * DAY, BEGIN + 400 * DAY + 5)


@pytest.mark.parametrize(
    ("change", "right"),
    [
        (Change(), Action.WAIT),
        (Change(120, shift=0.5), Action.RECALIBRATE),
        (Change(120, shift=-0.5), Action.RECALIBRATE),
        (Change(120, stretched=2.0), Action.RECALIBRATE),
        (Change(120, weights=(0.0, -0.7, -0.5)), Action.RETRAIN),
    ],
)
def test_the_advice_fits_what_has_changed(change: Change, right: Action) -> None:
    assert advised(World(change=change, tells="all", per_day=120)) is right


def test_retraining_names_the_input_whose_meaning_has_changed() -> None:
    change = Change(120, weights=(-0.3, -0.7, -0.5))
    found = advise(None, judged(World(change=change, tells="all", per_day=120)))
    assert found.action is Action.RETRAIN
    assert any("what outcomes have to do with debt" in reason for reason in found.because), found.because
    assert found.figures["changed_relations"][0]["column"] == "debt"


def test_drift_alone_is_waited_out_while_the_performance_holds() -> None:
    world = World(change=Change(120, drift=0.7), tells="all", per_day=120)
    report = {"columns": [{"name": "debt", "csi": 0.4, "status": "alarm"}]}
    found = advise(report, judged(world))
    assert found.action is Action.WAIT
    assert found.because[0] == "records have drifted in debt"


def test_cases_that_have_become_alike_are_harder_to_rank_and_that_is_no_fault() -> None:
    found = judged(World(change=Change(120, spread=0.3), tells="all", per_day=120))
    (_, earlier) = found.ranking.compared
    assert earlier.difference.value < -10 * earlier.difference.error, "the area is far lower than it was"
    assert found.ranking.verdict == "intact"
    assert advise(CALM_REPORT, found).action is Action.WAIT


def test_records_of_another_population_call_for_retraining_once_outcomes_are_there() -> None:
    report = {"columns": [{"name": "debt", "csi": 2.4, "status": "alarm"}]}
    assert advised(World(tells="all"), report=report) is Action.RETRAIN


def test_without_outcomes_another_population_is_for_a_person_and_drift_is_waited_out() -> None:
    young = World(days=20)
    far = {"columns": [{"name": "debt", "csi": 2.4, "status": "alarm"}]}
    near = {"columns": [{"name": "debt", "csi": 0.4, "status": "alarm"}]}
    assert advised(young, report=far) is Action.PERSON
    found = advise(near, judged(young))
    assert found.action is Action.WAIT
    assert found.because[1].startswith("outcomes that count are too few"), found.because


def test_an_alarm_that_too_few_outcomes_explain_is_for_a_person() -> None:
    found = judged(World(change=Change(120, shift=0.6), tells="all", per_day=120))
    assert found.alarm.raised
    few = replace(found.mature, too_few="too few: 9 bad and 40 good cases, 30 of each are needed")
    advice = advise(None, replace(found, mature=few))
    assert advice.action is Action.PERSON
    assert (
        advice.because[1] == "outcomes that count are too few: 9 bad and 40 good cases, 30 of each are needed"
    )


def test_an_alarm_with_a_ranking_that_is_too_uncertain_is_for_a_person() -> None:
    found = judged(World(change=Change(120, shift=0.6), tells="all", per_day=120))
    unclear = replace(found.ranking, verdict="unclear")
    assert advise(None, replace(found, ranking=unclear)).action is Action.PERSON


def test_a_model_without_evidence_is_judged_by_its_own_past() -> None:
    world = World(change=Change(120, shift=0.6), tells="all", per_day=120)
    lived = live(world, 0)
    bare = replace(scorer_of(), evidence={})
    found = judge(lived.observed, lived.told, bare, use_case_of(world), lived.now)
    assert found.promised is None
    assert [item.source for item in found.ranking.compared] == ["the model's own earlier matured decisions"]
    assert advise(None, found).action is Action.RECALIBRATE
