"""A retraining as it is asked for: enough decisions, a reason, then its story, or the one that was left open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from service.errors import WrongUse
from training.progress import Progress, part, silent
from training.retrain.challenger import Effort, Method
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

    A story that was left open is taken up where it was left and as it began, and nothing else is begun; the note says
    what was asked for otherwise. Raises `WrongUse` where its reason, method or level is otherwise and `take_up` is not
    asked for, `AtWork` while another retraining of the use case is under way, `NothingYet` where there is nothing to
    do, `PersonNeeded` where the evidence calls for a person, and `NoSuchModel` where there is no champion to retrain.
    """
    with at_work(place.use_case.name, place.settings.bentoml_home):
        story, note = place.journal.open_story(), ""
        if story is not None:
            note = _uncounted(story, asked)
        else:
            enough(place, asked)
            progress("enough decisions", 0.02)
            reason = find_reason(place, asked)
            progress("there is a reason", 0.05)
            story = begin(place, asked, reason)
        ended = go_on(place, story, asked.now, part(progress, 0.1, 1.0), approval=asked.approval)
        return replace(ended, note=note)


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


def _uncounted(story: Story, asked: Asked) -> str:
    """Return in words what is asked for otherwise than an open story began, "" where nothing is.

    What is not said is as the story has it. Raises `WrongUse` where its reason, method or level is another, unless it
    is to be taken up whatever is asked for: how much a training does is no ground to refuse.
    """
    begun = story.begun
    differ = _differing(
        {
            "reason": (asked.because, begun["reason"]["because"]),
            "method": (asked.method, begun["method"]),
            "level": (asked.level, begun["level"]),
        }
    )
    if differ and not asked.take_up:
        raise WrongUse(
            f"{story.id} was left open, and {', '.join(differ)}; go on with it as it is: --take-up, or end it: "
            f"--reject {story.id}"
        )
    differ += _differing({"effort": (asked.effort, Effort(**begun["effort"]))})
    return f"{story.id} was left open and goes on as it began: {', '.join(differ)}" if differ else ""


def _differing(pairs: Mapping[str, tuple[object, object]]) -> list[str]:
    return [
        f"its {name} is {has}, not {said}" for name, (said, has) in pairs.items() if said not in (None, has)
    ]


def _story(place: Place, name: str) -> Story:
    known = {story.id: story for story in place.journal.stories()}
    if name not in known:
        raise WrongUse(f"{name!r} is not one of: {', '.join(known) or 'no story has been begun'}")
    return known[name]
