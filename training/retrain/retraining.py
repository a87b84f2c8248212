"""A retraining as it is asked for: enough decisions, a reason, then its story, or the one that was left open."""

from __future__ import annotations

from typing import Literal

from service.errors import WrongUse
from training.progress import Progress, part, silent
from training.retrain.challenger import Method
from training.retrain.ending import Ended
from training.retrain.journal import Story
from training.retrain.lock import at_work
from training.retrain.look import advice_of, expect_enough
from training.retrain.place import Asked, Place
from training.retrain.reason import BECAUSE, Age, Reason, advised_reason, microseconds
from training.retrain.story import approve, begin, go_on, reject

Answer = Literal["approve", "reject"]


def retrain(place: Place, asked: Asked, progress: Progress = silent) -> Ended:
    """Retrain a use case's champion, if there is a reason, and promote the result, if it is shown to be better.

    A story that was left open is taken up where it was left, and nothing else is begun. Raises `WrongUse` where that
    story has another reason, method or level than is asked for, `AtWork` while another retraining of the use case is
    under way, `NothingYet` where there is nothing to do, `PersonNeeded` where the evidence calls for a person, and
    `NoSuchModel` where there is no champion to retrain.
    """
    with at_work(place.use_case.name, place.settings.bentoml_home):
        story = place.journal.open_story()
        if story is not None:
            _expect_same(story, asked)
        else:
            enough(place, asked)
            progress("enough decisions", 0.02)
            reason = find_reason(place, asked)
            progress("there is a reason", 0.05)
            story = begin(place, asked, reason)
        return go_on(place, story, asked.now, part(progress, 0.1, 1.0), approval=asked.approval)


def answer(place: Place, story: str, said: Answer, now: int) -> Ended:
    """Approve the promotion that a story waits with, or end a story without one.

    Raises `WrongUse` where it does not wait to be approved, or has ended.
    """
    with at_work(place.use_case.name, place.settings.bentoml_home):
        found = _story(place, story)
        return approve(place, found, now) if said == "approve" else reject(place, found, now)


def enough(place: Place, asked: Asked) -> int:
    """Return how many decisions the last week had; raises `NothingYet` where they are too few."""
    place.registry.reach()
    return expect_enough(place, place.champion(), asked.now)


def find_reason(place: Place, asked: Asked) -> Reason:
    """Return why to retrain: as asked, or as the evidence advises, or because it is time.

    Raises `NothingYet` or `PersonNeeded`, and `WrongUse` for a reason that is none.
    """
    if asked.because is not None:
        if asked.because not in BECAUSE:
            raise WrongUse(f"--because {asked.because!r} is not one of: {', '.join(BECAUSE)}")
        return Reason(asked.because, asked.method or Method.RETRAIN, f"asked for, because of {asked.because}")
    pointer = place.pointer()
    begun = (story.begun["now"] for story in place.journal.stories())
    age = Age(
        max([microseconds(pointer.promoted_at), *begun]),
        asked.now,
        asked.every_days,
        place.settings.time_zone,
    )
    return advised_reason(advice_of(place, place.champion(), asked.now), age)


def _expect_same(story: Story, asked: Asked) -> None:
    """Raise `WrongUse` where a story that was left open is not what is asked for; what is not said is as it has it."""
    begun = story.begun
    pairs = {
        "reason": (asked.because, begun["reason"]["because"]),
        "method": (asked.method, begun["method"]),
        "level": (asked.level, begun["level"]),
    }
    differ = [
        f"its {name} is {has}, not {said}" for name, (said, has) in pairs.items() if said not in (None, has)
    ]
    if differ:
        raise WrongUse(
            f"{story.id} was left open, and {', '.join(differ)}; go on with it without --because, --recalibrate and "
            f"--level, or end it: --reject {story.id}"
        )


def _story(place: Place, name: str) -> Story:
    known = {story.id: story for story in place.journal.stories()}
    if name not in known:
        raise WrongUse(f"{name!r} is not one of: {', '.join(known) or 'no story has been begun'}")
    return known[name]
