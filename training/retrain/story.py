"""The story of a retraining, from its beginning to its end: every step noted once, and taken up where it was left."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from service.errors import ModelRefused, WrongUse
from service.scoring.scorer import Scorer
from training.model_card import card_files
from training.progress import Progress, part, silent
from training.registry import Version
from training.retrain.challenger import (
    Effort,
    Method,
    find_challenger,
    make_challenger,
    record_challenger,
    with_story,
)
from training.retrain.divided import Since
from training.retrain.ending import End, Ended
from training.retrain.journal import Step, Story
from training.retrain.judging import judge_challenger
from training.retrain.materials import find_again, gather, keep
from training.retrain.place import Asked, Place
from training.retrain.population_profile import profile_of
from training.retrain.reason import Reason, microseconds
from training.retrain.rule import LEVEL
from training.retrain.telling import MADE, ended_in_words, judged_in_words, tell_mlflow
from training.user import user


def begin(place: Place, asked: Asked, reason: Reason) -> Story:
    """Begin a story: gather and keep its cases, and note all that its later steps depend upon.

    Its id follows from the champion and the cases, so that the same beginning is the same story. Raises `NothingYet`.
    """
    pointer, champion = place.pointer(), place.champion()
    since = Since(
        _judged_until(place, champion),
        microseconds(pointer.promoted_at),
        reason.changed if reason.method is Method.RECALIBRATE else 0,
    )
    found = gather(place, champion, reason.method, asked.now, since)
    keep(found, place.settings.home)
    about = [
        pointer.model,
        reason.method,
        found.said["learnt"]["fingerprint"],
        found.said["held_out"]["fingerprint"],
    ]
    name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]
    story = Story(f"{place.use_case.name}-{name}", place.use_case.name)
    place.journal.note(
        story,
        Step.BEGUN,
        asked.now,
        f"{MADE[reason.method]} begun: {reason.text}",
        champion=pointer.model,
        policy=champion.policy.version,
        reason=reason.to_json(),
        method=str(reason.method),
        now=asked.now,
        since=asdict(since),
        level=LEVEL if asked.level is None else asked.level,
        approval=asked.approval,
        effort=asdict(asked.effort or Effort()),
        materials=dict(found.said),
        by=user(),
    )
    return story


def go_on(
    place: Place, story: Story, now: int, progress: Progress = silent, *, approval: bool = False
) -> Ended:
    """Take the steps of a story that have not been taken yet, up to its end or until somebody has to approve.

    approval: whether a person has to agree to a promotion, even if that was not asked for when the story began.
    """
    if story.end is not None:
        return _ended(story)
    if over := _overtaken(place, story):
        return _end(place, story, over, now)
    if Step.TRAINED not in story.steps and not _train(place, story, now, part(progress, 0.0, 0.9)):
        return _end(place, story, End.OVERTAKEN, now)
    if Step.JUDGED not in story.steps and not _judge(place, story, now):
        return _end(place, story, End.OVERTAKEN, now)
    progress("judged", 0.95)
    end = End(story.steps[Step.JUDGED]["end"])
    if end is End.PROMOTED and (approval or _needs_approval(story)) and Step.APPROVED not in story.steps:
        return _wait(place, story, now)
    if end is End.PROMOTED:
        end = _promote(place, story)
    return _end(place, story, end, now)


def approve(place: Place, story: Story, now: int) -> Ended:
    """Promote what a story waits with, in the name of whoever runs this; raises `WrongUse` where it does not wait."""
    _expect_waiting(story)
    place.journal.note(story, Step.APPROVED, now, f"approved by {user()}", by=user())
    return go_on(place, story, now)


def reject(place: Place, story: Story, now: int) -> Ended:
    """End a story without a promotion, wherever it was left; raises `WrongUse` where it has ended."""
    if story.end is not None:
        raise WrongUse(f"{story.id} has ended already: {story.steps[Step.ENDED]['text']}")
    end = End.PROMOTED if _was_champion(place, story) else End.REJECTED
    # The journal first: what keeps a story from its end, such as MLflow, must not keep it from being rejected.
    place.journal.note(story, Step.ENDED, now, ended_in_words(end, story), end=str(end))
    if Step.TRAINED in story.steps:
        tell_mlflow(place.settings.tracking_uri, story, end)
    return _ended(story)


def _train(place: Place, story: Story, now: int, progress: Progress) -> bool:
    """Train and record the challenger, and note that; returns whether the cases were still to be had."""
    begun, champion = story.begun, place.champion()
    fingerprint = begun["materials"]["learnt"]["fingerprint"]
    found = find_challenger(place.registry, place.use_case.name, story.id, fingerprint)
    if found is None:
        materials = find_again(place, champion, begun)
        if materials is None:
            return False
        method, effort = Method(begun["method"]), Effort(**begun["effort"])
        trained = make_challenger(method, champion, materials.learnt, materials.held_out, effort, progress)
        profile = profile_of(place.log, trained.scorer, begun["materials"])
        trained = with_story(trained, _evidence(story), profile)
        found = record_challenger(place.registry, trained, story.id)
    said = f"{found.tag} (version {found.number}) made on {begun['materials']['learnt']['rows']} cases"
    policy = found.scorer.policy.version
    place.journal.note(story, Step.TRAINED, now, said, model=found.tag, version=found.number, policy=policy)
    return True


def _judge(place: Place, story: Story, now: int) -> bool:
    champion = place.champion()
    materials = find_again(place, champion, story.begun)
    if materials is None:
        return False
    judgement = judge_challenger(
        _challenger(place, story).scorer, champion, materials.held_out, story.begun["level"]
    )
    place.journal.note(story, Step.JUDGED, now, judged_in_words(judgement), **judgement.to_json())
    return True


def _wait(place: Place, story: Story, now: int) -> Ended:
    name, policy = place.use_case.name, _other_policy(story)
    but = f" (with its own policy {policy}, in the place of {story.begun['policy']})" if policy else ""
    place.journal.note(
        story,
        Step.WAITING,
        now,
        f"{story.steps[Step.TRAINED]['model']} is better and waits for approval{but}: "
        f"aval retrain {name} --approve {story.id}, or --reject {story.id}",
    )
    tell_mlflow(place.settings.tracking_uri, story, End.WAITING)
    return Ended(End.WAITING, story.steps[Step.WAITING]["text"], story.id, story.to_json())


def _promote(place: Place, story: Story) -> End:
    """Promote the challenger; a champion or a policy that somebody else has chosen meanwhile stays."""
    if over := _overtaken(place, story):
        return over
    registry, trained, judged = place.registry, story.steps[Step.TRAINED], story.steps[Step.JUDGED]
    approved = story.steps.get(Step.APPROVED)
    agreed = f", approved by {approved['by']}" if approved else ""
    try:
        registry.promote(
            place.use_case.name,
            trained["version"],
            why=f"retraining {story.id}: {story.begun['reason']['text']}; {judged['text']}{agreed}",
            gates=judged["gates"],
            card=lambda found, record: card_files(found.tag, record, place.settings.bentoml_home),
        )
    except ModelRefused:
        if _overtaken(place, story) is End.OVERTAKEN:
            return End.OVERTAKEN
        raise
    return End.PROMOTED


def _overtaken(place: Place, story: Story) -> End | None:
    """Return how a story has ended without its own doing: its challenger has been champion already, or somebody else
    is, or the champion decides by another policy than it did.
    """
    if _was_champion(place, story):
        return End.PROMOTED
    begun = story.begun
    same = place.pointer().model == begun["champion"] and place.champion().policy.version == begun["policy"]
    return None if same else End.OVERTAKEN


def _was_champion(place: Place, story: Story) -> bool:
    # Ever: whoever has taken it back since had a reason, and it is not promoted a second time.
    made = story.steps.get(Step.TRAINED, {}).get("model")
    return any(pointer.model == made for pointer in place.registry.history(place.use_case.name))


def _needs_approval(story: Story) -> bool:
    """Return whether a person has to agree: as was asked for, or because another policy comes with the model."""
    return bool(story.begun["approval"] or Step.WAITING in story.steps or _other_policy(story))


def _other_policy(story: Story) -> str:
    """Return the policy that a promotion would put in the place of the one in use, "" where it stays the same."""
    own: str = story.steps[Step.TRAINED].get("policy", story.begun["policy"])
    return "" if own == story.begun["policy"] else own


def _judged_until(place: Place, champion: Scorer) -> int:
    """Return up to when the cases that ever judged were decided; a champion says so too: a journal can be lost."""
    said = [story.begun["materials"] for story in place.journal.stories()]
    if own := champion.evidence.get("retraining"):
        said.append(own["materials"])
    return max((materials["judged_until"] for materials in said), default=0)


def _end(place: Place, story: Story, end: End, now: int) -> Ended:
    # MLflow first: a crash in between leaves the story open, and saying it again changes nothing.
    if Step.TRAINED in story.steps:
        tell_mlflow(place.settings.tracking_uri, story, end)
    place.journal.note(story, Step.ENDED, now, ended_in_words(end, story), end=str(end))
    return _ended(story)


def _ended(story: Story) -> Ended:
    ended = story.steps[Step.ENDED]
    return Ended(End(ended["end"]), ended["text"], story.id, story.to_json())


def _challenger(place: Place, story: Story) -> Version:
    return place.registry.find(place.use_case.name, story.steps[Step.TRAINED]["version"])


def _evidence(story: Story) -> Mapping[str, Any]:
    """Return what the bundle says of its story, inside its hash."""
    kept = ("champion", "policy", "reason", "method", "now", "level", "materials")
    return {"story": story.id, **{name: story.begun[name] for name in kept}}


def _expect_waiting(story: Story) -> None:
    if Step.WAITING not in story.steps or story.end is not None:
        raise WrongUse(
            f"{story.id} does not wait for approval: it {'has ended' if story.end else 'is under way'}"
        )
