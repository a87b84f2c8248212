"""The challenger of a story: trained anew or recalibrated, and recorded in MLflow once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from service.scoring.bundle import CARD, CARD_TEXT, bundle_files, scorer_from_files, version_of
from service.scoring.profile import Profile
from service.scoring.scorer import Scorer
from training.candidates import quick_candidates
from training.data import Cases
from training.lineage import lineage
from training.model_card import render_card
from training.progress import Progress
from training.registry import Registry, Version
from training.registry.client import open_client
from training.retrain.recalibrated import recalibrate
from training.train import Options, Trained, train
from training.tune import TRIALS, Budget

# The tag of a training's run that names its story; what it was trained on is a tag of the version itself.
STORY_TAG = "retraining"


class Method(StrEnum):
    """What a retraining makes: another model, or another calibrator on the same one."""

    RETRAIN = "retrain"
    RECALIBRATE = "recalibrate"


@dataclass(frozen=True)
class Effort:
    """How much a training does; the same effort on the same cases gives the same bundle."""

    seed: int = 0
    trials: int = TRIALS
    quick: bool = False

    def __str__(self) -> str:
        """Return the effort as options of the command."""
        return f"--seed {self.seed} {'--quick' if self.quick else f'--trials {self.trials}'}"

    def options(self, bad_cases: int) -> Options:
        """Return the effort as options of a training."""
        if self.quick:
            return Options(Budget(0), quick_candidates(bad_cases), thorough=False)
        return Options(Budget(self.trials))


def make_challenger(
    method: Method, champion: Scorer, learnt: Cases, held_out: Cases, effort: Effort, progress: Progress
) -> Trained:
    """Train on `learnt`, or fit the champion's calibrator on it; only figures of a recalibration see `held_out`."""
    if method is Method.RECALIBRATE:
        return recalibrate(champion, learnt, held_out, effort.seed)
    return train(learnt, effort.seed, effort.options(int(learnt.outcomes.sum())), progress)


def with_story(trained: Trained, said: Mapping[str, Any], profile: Profile) -> Trained:
    """Return the training with its story in the evidence, and with another profile, inside the bundle's hash."""
    scorer = trained.scorer
    files = bundle_files(
        scorer.contract,
        scorer.predictor,
        scorer.calibrator,
        scorer.policy,
        scorer.reason_texts,
        profile,
        {**scorer.evidence, "retraining": dict(said)},
    )
    known = {"use_case": scorer.contract.use_case, "version": version_of(files)}
    procedure = replace(trained.procedure, profile=profile)
    return replace(trained, files=files, scorer=scorer_from_files(files, **known), procedure=procedure)


def record_challenger(registry: Registry, trained: Trained, story: str) -> Version:
    """Record a challenger with its card, under the name of its story."""
    where = lineage()
    card = render_card(
        trained.files,
        use_case=trained.cases.use_case.name,
        version=trained.scorer.version,
        run={**where, "measured": trained.measured},
    )
    gates = tuple(trained.scorer.evidence["gates"])
    files = {CARD: card.html.encode(), CARD_TEXT: card.markdown.encode()}
    return registry.record(replace(trained, gates=gates, card=files), {**where, STORY_TAG: story})


def find_challenger(registry: Registry, use_case: str, story: str, fingerprint: str) -> Version | None:
    """Return what a story has recorded already, None if nothing: a crash may have kept it from noting so."""
    client = open_client(registry.settings.tracking_uri)
    wanted = f"name = '{use_case}' and tags.data_fingerprint = '{fingerprint}'"
    for version in client.search_model_versions(filter_string=wanted):
        if version.run_id and client.get_run(version.run_id).data.tags.get(f"lineage.{STORY_TAG}") == story:
            return registry.find(use_case, str(version.version))
    return None
