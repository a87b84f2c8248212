from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from service.errors import WrongUse
from service.model_store import find_champion, load_scorer
from service.policy_store import PolicyOrigin, save_policy
from service.scoring.scorer import Scorer
from tests.training.registries import PASSED_GATE, STRICT, USE_CASE, aliases, version_tags
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
from training.monitoring.observed import observe
from training.monitoring.windows import Window
from training.ranking import Order
from training.retrain import Asked, AtWork, Effort, End, Method, NothingYet, Place, answer, enough, retrain
from training.retrain.journal import Journal, Step, Story
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


class Failing(Journal):
    """A journal that cannot note one step."""

    def __init__(self, journal: Journal, step: Step) -> None:
        super().__init__(journal._store, journal.use_case)
        self._step = step

    def note(self, story: Story, step: Step, at: int, text: str, **figures: Any) -> Mapping[str, Any]:
        if step is self._step:
            raise OSError("no space left on device")
        return super().note(story, step, at, text, **figures)


def break_off(place: Place, asked_for: Asked, step: Step) -> None:
    """Retrain up to the noting of a step, which was taken by then, and leave the story open."""
    with pytest.raises(OSError, match="no space left"):
        retrain(replace(place, journal=Failing(place.journal, step)), asked_for)


def use_strict_policy(place: Place) -> None:
    origin = PolicyOrigin("2026-11-16T00:00:00+00:00", "tests", "caution", None, {}, "tests")
    save_policy(USE_CASE, STRICT, origin, place.settings.bentoml_home)
    place.registry.use_policy(USE_CASE, STRICT.version, "for caution")


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
        assert retrain(place, asked(because=None)).end is End.PROMOTED


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


def test_what_was_promoted_and_taken_back_is_not_promoted_again(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        break_off(place, asked(**RECALIBRATE), Step.ENDED)
        assert champion_now(home) != champion.tag
        place.registry.rollback(USE_CASE, "it misbehaves")
        assert retrain(place, asked(because=None)).end is End.PROMOTED
        assert champion_now(home) == champion.tag, "who took it back had a reason"
        assert place.journal.open_story() is None


def test_a_story_that_never_gets_on_can_be_rejected(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        for _ in range(2):
            break_off(place, asked(**RECALIBRATE), Step.TRAINED)
        [story] = place.journal.stories()
        assert answer(place, story.id, "reject", NOW).end is End.REJECTED
        assert place.journal.open_story() is None
        with pytest.raises(WrongUse, match="has ended already"):
            answer(place, story.id, "reject", NOW)


def test_a_story_that_was_left_open_is_not_taken_up_as_another(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        break_off(place, asked(**RECALIBRATE), Step.TRAINED)
        for other in ({"because": "schedule"}, {"method": Method.RETRAIN}, {"level": 0.01}):
            with pytest.raises(WrongUse, match=r"was left open, and its (reason|method|level) is .*, not"):
                retrain(place, asked(**{**RECALIBRATE, **other}))
        assert retrain(place, asked(because=None, approval=True)).end is End.WAITING
        assert retrain(place, asked(because=None)).end is End.WAITING, (
            "who asked for approval has not given it"
        )
        assert champion_now(home) == champion.tag


def test_a_story_goes_on_as_it_began_and_says_what_was_asked_for_otherwise(
    home: Home, champion: Scorer
) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        break_off(place, asked(**RECALIBRATE), Step.TRAINED)
        ended = retrain(place, asked(effort=Effort(seed=3, trials=2), take_up=True))
    assert ended.end is End.PROMOTED
    assert ended.note == (
        f"{ended.story} was left open and goes on as it began: its reason is degradation, not schedule, "
        "its effort is --seed 0 --quick, not --seed 3 --trials 2"
    )


def test_another_policy_meanwhile_overtakes_the_story(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        waiting = retrain(place, asked(**RECALIBRATE, approval=True))
        use_strict_policy(place)
        assert answer(place, waiting.story, "approve", NOW).end is End.OVERTAKEN
    assert load_scorer(USE_CASE, home.store).policy == STRICT


def test_a_policy_that_somebody_chose_is_not_replaced_unasked(home: Home, champion: Scorer) -> None:
    decide(home, champion, by_another_rule)
    with home.place() as place:
        use_strict_policy(place)
        waiting = retrain(place, asked())
        assert waiting.end is End.WAITING, waiting.text
        assert f"in the place of {STRICT.version}" in waiting.text
        assert load_scorer(USE_CASE, home.store).policy == STRICT
        assert answer(place, waiting.story, "approve", NOW).end is End.PROMOTED


def test_no_case_judges_twice_even_if_the_journal_is_lost(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says)
    with home.place() as place:
        assert retrain(place, asked(**RECALIBRATE)).end is End.PROMOTED
    (home.folder / "monitoring.db").unlink()
    with home.place() as place, pytest.raises(NothingYet, match="may still judge"):
        retrain(place, asked(**RECALIBRATE))


@pytest.mark.parametrize("method", list(Method))
def test_the_new_profile_is_of_everybody_who_came(home: Home, champion: Scorer, method: Method) -> None:
    decide(home, champion, riskier_than_it_says, declined_told=False)
    with home.place() as place:
        ended = retrain(place, asked(method=method))
        materials = ended.steps["begun"]["materials"]
        span = Window(materials["judged_since"], materials["judged_until"])
        seen = observe(place.log, champion, span)
        made = place.registry.find(USE_CASE, ended.steps["trained"]["version"]).scorer
    assert made.profile.rows == seen.rows > materials["held_out"]["rows"], "declined ones came too"
    counted = np.histogram(made.score_matrix(seen.matrix), [0, *made.profile.probability.borders, 1])[0]
    assert made.profile.probability.counts == tuple(counted), "scored by the new bundle itself"


def test_a_bundle_says_of_each_part_whom_it_speaks_of(home: Home, champion: Scorer) -> None:
    decide(home, champion, riskier_than_it_says, declined_told=False)
    with home.place() as place:
        materials = retrain(place, asked()).steps["begun"]["materials"]
    assert materials["held_out"]["of_whom"] == f"matured decisions: {materials['held_out']['rows']} approve"
    approved = materials["learnt"]["rows"] - 2_600
    assert materials["learnt"]["of_whom"] == (
        f"2600 cases that the champion learnt from, and matured decisions: {approved} approve"
    )


def _records() -> pa.Table:
    return pa.Table.from_pandas(use_case().sample(300, 11).drop(columns=["target"]), preserve_index=False)
