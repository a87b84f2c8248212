from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from service.errors import WrongUse
from service.model_store import find_champion, load_scorer
from service.scoring.scorer import Scorer
from tests.training.registries import PASSED_GATE, USE_CASE, aliases, version_tags
from tests.training.retrain.stories import (
    DAY,
    NOW,
    Home,
    as_the_champion_says,
    asked,
    by_another_rule,
    decide,
    home_with_champion,
    riskier_than_it_says,
    use_case,
)
from training.ranking import Order
from training.retrain import AtWork, End, Method, NothingYet, answer, enough, retrain
from training.retrain.lock import at_work
from training.train import Trained

Quick = Callable[..., Trained]
RECALIBRATE = {"method": Method.RECALIBRATE, "because": "degradation"}


@pytest.fixture
def home(tmp_path: Path, quick: Quick) -> Home:
    return home_with_champion(tmp_path, quick)


@pytest.fixture
def champion(home: Home) -> Scorer:
    return load_scorer(USE_CASE, home.store)


def champion_now(home: Home) -> str:
    pointer = find_champion(USE_CASE, home.store)
    assert pointer is not None
    return pointer.model


def test_a_changed_relation_leads_to_a_new_champion(home: Home, champion: Scorer) -> None:
    decide(home, champion, by_another_rule)
    with home.place() as place:
        ended = retrain(place, asked())
        assert (ended.end, ended.end.exit_code) == (End.PROMOTED, 0), ended.text
        assert champion_now(home) == ended.steps["trained"]["model"] != champion.tag
        assert aliases(place.registry)["champion"] == ended.steps["trained"]["version"]
        tags = version_tags(place.registry, ended.steps["trained"]["version"])
    assert tags["retraining.story"] == ended.story
    assert tags["retraining.end"] == "promoted"
    assert list(ended.steps) == ["begun", "trained", "judged", "ended"]


def test_the_new_bundle_says_in_its_hash_what_story_it_is_of(home: Home, champion: Scorer) -> None:
    decide(home, champion, by_another_rule)
    with home.place() as place:
        ended = retrain(place, asked())
    said = load_scorer(champion_now(home), home.store).evidence["retraining"]
    assert said["story"] == ended.story
    assert said["champion"] == champion.tag
    assert "approved" in said["materials"]["population"]["text"]
    assert said["materials"]["history"] == 2_600


def test_riskier_times_lead_to_another_calibrator_and_the_same_ranking(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        ended = retrain(place, asked(**RECALIBRATE))
    assert ended.end is End.PROMOTED, ended.text
    found = load_scorer(USE_CASE, home.store)
    matrix = champion.encoder.encode_table(champion.validator.check_table(_records()).values)
    before, after = champion.score_matrix(matrix), found.score_matrix(matrix)
    assert (after > before).all()
    outcomes, ones = (np.arange(len(before)) % 7 == 0).astype(np.int8), np.ones(len(before))
    assert Order(after).ranking(outcomes, ones).roc_auc == Order(before).ranking(outcomes, ones).roc_auc
    assert found.predictor.to_files() == champion.predictor.to_files()
    assert found.policy == champion.policy


def test_a_champion_that_is_right_stays(home: Home, champion: Scorer) -> None:
    decide(home, champion, as_the_champion_says)
    with home.place() as place:
        ended = retrain(place, asked(**RECALIBRATE))
    assert (ended.end, ended.end.exit_code) == (End.KEPT, 1), ended.text
    assert champion_now(home) == champion.tag
    assert "not shown to be better" in ended.text


def test_an_ended_retraining_is_not_begun_again_without_new_outcomes(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        retrain(place, asked(**RECALIBRATE))
        with pytest.raises(NothingYet, match="may still judge"):
            retrain(place, asked(**RECALIBRATE))
        assert len(place.journal.stories()) == 1


def test_too_few_decisions_are_too_few(home: Home, champion: Scorer) -> None:
    decide(home, champion, as_the_champion_says, rows=119, days=(6, 1))
    with (
        home.place() as place,
        pytest.raises(NothingYet, match="119 decisions in the last 7 days, and at least 120"),
    ):
        enough(place, asked())
    decide(home, champion, as_the_champion_says, rows=1, days=(6, 5))
    with home.place() as place:
        assert enough(place, asked()) == 120


def test_nothing_is_trained_before_outcomes_have_matured(home: Home, champion: Scorer) -> None:
    decide(home, champion, as_the_champion_says, rows=700, days=(25, 0.1))
    with home.place() as place, pytest.raises(NothingYet, match="0 matured decisions with an outcome"):
        retrain(place, asked())


def test_a_promotion_waits_for_approval_and_is_then_made(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        waiting = retrain(place, asked(**RECALIBRATE, approval=True))
        assert (waiting.end, waiting.end.exit_code) == (End.WAITING, 4)
        assert f"--approve {waiting.story}" in waiting.text
        again = retrain(place, asked(**RECALIBRATE))
        assert (again.end, again.story) == (End.WAITING, waiting.story)
        assert champion_now(home) == champion.tag
        ended = answer(place, waiting.story, "approve", NOW)
        assert ended.end is End.PROMOTED
        assert champion_now(home) == ended.steps["trained"]["model"]
        with pytest.raises(WrongUse, match="has ended"):
            answer(place, waiting.story, "approve", NOW)


def test_a_rejected_promotion_is_not_made(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        waiting = retrain(place, asked(**RECALIBRATE, approval=True))
        ended = answer(place, waiting.story, "reject", NOW)
        assert (ended.end, ended.end.exit_code) == (End.REJECTED, 1)
        assert champion_now(home) == champion.tag
        with pytest.raises(WrongUse, match="is not one of"):
            answer(place, "no such story", "reject", NOW)


def test_what_was_promoted_by_hand_meanwhile_ends_the_story(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        waiting = retrain(place, asked(**RECALIBRATE, approval=True))
        place.registry.promote(USE_CASE, waiting.steps["trained"]["version"], gates=[PASSED_GATE])
        assert retrain(place, asked()).end is End.PROMOTED


def test_another_champion_meanwhile_overtakes_the_story(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        waiting = retrain(place, asked(**RECALIBRATE, approval=True))
        place.registry.promote(USE_CASE, "2", gates=[PASSED_GATE])
        ended = answer(place, waiting.story, "approve", NOW)
    assert (ended.end, ended.end.exit_code) == (End.OVERTAKEN, 3)


def test_two_at_once_do_not_meet(home: Home) -> None:
    said = "another retraining of loan_approval is at work: process"
    with home.place() as place, at_work(USE_CASE, home.store), pytest.raises(AtWork, match=said):
        retrain(place, asked())
    assert AtWork.exit_code == 5
    with at_work(USE_CASE, home.store):
        pass


def test_the_latest_matured_rows_judge_and_are_not_learnt_from(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        begun = retrain(place, asked(**RECALIBRATE)).steps["begun"]
    materials = begun["materials"]
    matured = materials["learnt"]["rows"] + materials["held_out"]["rows"]
    assert materials["new_to_the_champion"] == matured
    assert materials["held_out"]["rows"] == pytest.approx(0.3 * matured, abs=1)
    assert NOW - 31 * DAY < materials["judged_until"] <= NOW - 30 * DAY


def _records() -> pa.Table:
    return pa.Table.from_pandas(use_case().sample(300, 11).drop(columns=["target"]), preserve_index=False)
