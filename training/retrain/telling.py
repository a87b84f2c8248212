"""What is told of a retraining: in a sentence, and in MLflow beside the model."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from training.registry.client import open_client
from training.retrain.challenger import Method
from training.retrain.ending import End
from training.retrain.journal import Step, Story
from training.retrain.judging import Judgement
from training.retrain.rule import Verdict

LONGEST_TAG = 5_000
MADE = {Method.RETRAIN: "retraining", Method.RECALIBRATE: "recalibration"}
_ENDS = {
    End.PROMOTED: "{model} was made champion: {judged}",
    End.KEPT: "{champion} stays: {judged}",
    End.REFUSED: "{model} is not promoted: {judged}",
    End.REJECTED: "{model} was rejected by a person, {champion} stays: {judged}",
    End.OVERTAKEN: "the champion, its policy or the cases changed meanwhile: run it again",
}


def judged_in_words(judgement: Judgement) -> str:
    """Return what was found about a challenger, in a sentence."""
    found = judgement.verdict
    said = judgement.uncompared if found is None else _verdict_in_words(found)
    return f"{said}; gates that say no: {', '.join(judgement.failed)}" if judgement.failed else said


def ended_in_words(end: End, story: Story) -> str:
    """Return how a story ended, in a sentence."""
    trained, judged = story.steps.get(Step.TRAINED, {}), story.steps.get(Step.JUDGED, {})
    return _ENDS[end].format(
        model=trained.get("model", "the challenger"),
        champion=story.begun["champion"],
        judged=judged.get("text", "it was promoted otherwise"),
    )


def tell_mlflow(tracking_uri: str, story: Story, end: End) -> None:
    """Let the challenger's version and its run say which story it is of, how that ended, and by which figures.

    Told again, it is the same.
    """
    client = open_client(tracking_uri)
    number = story.steps[Step.TRAINED]["version"]
    tags = {
        "retraining.story": story.id,
        "retraining.because": story.begun["reason"]["because"],
        "retraining.champion": story.begun["champion"],
        "retraining.end": str(end),
    }
    for name, value in tags.items():
        client.set_model_version_tag(story.use_case, number, name, value[:LONGEST_TAG])
    run_id = client.get_model_version(story.use_case, number).run_id
    if run_id is None:
        return
    for name, value in _figures(story.steps.get(Step.JUDGED, {}).get("verdict") or {}).items():
        client.log_metric(run_id, f"retraining.{name}", value, step=0)
    client.log_text(run_id, json.dumps(story.to_json(), indent=1), "retraining.json")


def _verdict_in_words(found: Verdict) -> str:
    tests = "; ".join(
        f"{name.replace('_', ' ')} {test.difference:+.4g} a case (one-sided {1 - found.level:.1%}: "
        f"{test.low:+.4g} to {test.high:+.4g})"
        for name, test in found.tests.items()
    )
    said = "better than the champion" if found.promotes else "not shown to be better than the champion"
    return f"{said} on {found.rows} matured cases ({found.bad} bad): {tests}"


def _figures(verdict: Mapping[str, Any]) -> dict[str, float]:
    pairs = {
        f"{test}.{name}": value
        for test, body in verdict.items()
        if isinstance(body, dict)
        for name, value in body.items()
    }
    return {name: float(value) for name, value in pairs.items() if math.isfinite(value)}
