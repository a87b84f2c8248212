"""Retrainings that are killed at every step, and that meet one another."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from service.errors import AvalError
from service.model_store import find_champion, load_scorer
from tests.training.registries import USE_CASE, aliases
from tests.training.retrain.stories import Home, asked, decide, home_with_champion, riskier_than_it_says
from training.retrain import Asked, End, Method, retrain
from training.retrain.journal import Journal, Step, Story
from training.train import Trained

FORK = multiprocessing.get_context("fork")
ASKED = asked(because="degradation", method=Method.RECALIBRATE)


@dataclass(frozen=True)
class Death:
    """When a process is killed: right before a step is noted, so that it was taken and nobody knows, or right after."""

    step: Step
    before: bool


class Dying(Journal):
    """A journal whose process is killed at one step."""

    def __init__(self, journal: Journal, death: Death) -> None:
        super().__init__(journal._store, journal.use_case)
        self._death = death

    def note(self, story: Story, step: Step, at: int, text: str, **figures: Any) -> Mapping[str, Any]:
        if self._death == Death(step, before=True):
            os.kill(os.getpid(), signal.SIGKILL)
        found = super().note(story, step, at, text, **figures)
        if self._death == Death(step, before=False):
            os.kill(os.getpid(), signal.SIGKILL)
        return found


@pytest.fixture
def home(tmp_path: Path, quick: Callable[..., Trained]) -> Home:
    home = home_with_champion(tmp_path, quick)
    decide(home, load_scorer(USE_CASE, home.store), riskier_than_it_says)
    return home


def in_process(task: Callable[..., None], *arguments: object) -> int:
    process = FORK.Process(target=task, args=arguments)
    process.start()
    process.join(timeout=60)
    assert process.exitcode is not None
    return process.exitcode


def retrain_and_die(home: Home, death: Death) -> None:
    with home.place() as place:
        retrain(replace(place, journal=Dying(place.journal, death)), ASKED)


@pytest.mark.parametrize("step", [Step.BEGUN, Step.TRAINED, Step.JUDGED, Step.ENDED])
def test_a_retraining_that_is_killed_before_or_after_a_step_ends_as_if_it_had_not_been(
    home: Home, step: Step
) -> None:
    for before in (True, False):
        assert in_process(retrain_and_die, home, Death(step, before)) == -signal.SIGKILL or step is Step.ENDED
    with home.place() as place:
        story = place.journal.open_story()
        ended = retrain(place, ASKED) if story or not place.journal.stories() else None
        [told] = place.journal.stories()
        assert told.end is End.PROMOTED
        assert ended is None or ended.end is End.PROMOTED
        pointer = find_champion(USE_CASE, home.store)
        assert pointer is not None
        assert pointer.model == told.steps[Step.TRAINED]["model"]
        # Two were there before: the story has recorded one, and no more.
        assert aliases(place.registry) == {"challenger": "3", "champion": "3", "previous": "1"}
        assert len(place.registry.history(USE_CASE)) == 2


def test_what_was_kept_and_lost_is_gathered_again(home: Home) -> None:
    assert in_process(retrain_and_die, home, Death(Step.BEGUN, before=False)) == -signal.SIGKILL
    shutil.rmtree(home.folder / "data")
    _keep_the_history(home)
    # What became known since is no part of it.
    with home.place() as place:
        ended = retrain(place, replace(ASKED, now=ASKED.now + 1))
    assert ended.end is End.PROMOTED


def test_of_two_at_once_one_is_told_so(home: Home) -> None:
    barrier = FORK.Barrier(2)
    processes = [FORK.Process(target=_at_once, args=(home, barrier, ASKED)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    codes = sorted(process.exitcode or 0 for process in processes)
    # The second is at work beside it, or comes when it is over.
    assert codes in ([0, 5], [0, 3])
    with home.place() as place:
        assert len(place.registry.history(USE_CASE)) == 2


def _at_once(home: Home, barrier: Barrier, asked_for: Asked) -> None:
    with home.place() as place:
        barrier.wait(timeout=30)
        try:
            code = retrain(place, asked_for).end.exit_code
        except AvalError as error:
            code = error.exit_code
    os._exit(code)


def _keep_the_history(home: Home) -> None:
    from tests.conftest import quick_training
    from training.data import keep_snapshot

    keep_snapshot(quick_training(USE_CASE).cases, home.folder / "data")
