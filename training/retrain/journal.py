"""The journal of retrainings: every step of every story, noted once, in the store of monitoring events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from service.monitoring.events import Event, EventStore
from training.retrain.ending import End

KIND = "retraining"


class Step(StrEnum):
    """The steps of a story, in the order in which they are taken; not every story takes all."""

    BEGUN = "begun"
    TRAINED = "trained"
    JUDGED = "judged"
    WAITING = "waiting"
    APPROVED = "approved"
    ENDED = "ended"


@dataclass(frozen=True)
class Story:
    """A retraining from its beginning to its end: what was noted of each step, by the step's name."""

    id: str
    use_case: str
    steps: dict[Step, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def begun(self) -> Mapping[str, Any]:
        """What it began with: everything that the later steps depend upon."""
        return self.steps[Step.BEGUN]

    @property
    def end(self) -> End | None:
        """How it ended, None while it has not."""
        ended = self.steps.get(Step.ENDED)
        return None if ended is None else End(ended["end"])

    def to_json(self) -> dict[str, Any]:
        """Return the steps as JSON data, in the order in which they are taken."""
        return {str(step): dict(self.steps[step]) for step in Step if step in self.steps}


class Journal:
    """The stories of one use case."""

    def __init__(self, store: EventStore, use_case: str) -> None:
        self._store, self.use_case = store, use_case

    def stories(self) -> list[Story]:
        """Return all stories, the one begun first first."""
        found: dict[str, Story] = {}
        for event in self._store.events(self.use_case, (KIND,)):
            story = found.setdefault(event.body["story"], Story(event.body["story"], self.use_case))
            story.steps[Step(event.body["step"])] = event.body
        return [story for story in found.values() if Step.BEGUN in story.steps]

    def open_story(self) -> Story | None:
        """Return the story that has not ended, None where all have."""
        return next((story for story in reversed(self.stories()) if story.end is None), None)

    def note(self, story: Story, step: Step, at: int, text: str, **figures: Any) -> Mapping[str, Any]:
        """Note a step of a story and return what is noted of it: of two that note the same step the first counts.

        text says in one sentence, for the dashboard, what happened. at: microseconds since 1970, UTC.
        """
        body = {"story": story.id, "step": str(step), "at": at, "text": text, **figures}
        key = f"{story.id}/{step}"
        if not self._store.add(Event(self.use_case, KIND, key, at, body)):
            found = (event for event in self._store.events(self.use_case, (KIND,)) if event.key == key)
            body = dict(next(found).body)
        story.steps[step] = body
        return body
