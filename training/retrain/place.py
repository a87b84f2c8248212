"""Where a retraining works: settings, decision log, registry, and the journal; and what it is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

from service.decision_log.segments.store import SegmentStore
from service.model_store import Champion, champion, load_scorer
from service.scoring.scorer import Scorer
from service.settings import Settings
from training.registry import Registry
from training.retrain.challenger import Effort, Method
from training.retrain.journal import Journal
from training.use_case import UseCase

EVERY_DAYS = 7


@dataclass(frozen=True)
class Place:
    """A use case with everything that its retraining reads and writes."""

    use_case: UseCase
    settings: Settings
    log: SegmentStore
    journal: Journal

    @property
    def registry(self) -> Registry:
        """MLflow and the model store."""
        return Registry(self.settings)

    def pointer(self) -> Champion:
        """Return who is champion now; raises `NoSuchModel` where nobody is."""
        return champion(self.use_case.name, self.settings.bentoml_home)

    def champion(self) -> Scorer:
        """Return the champion with the policy in use; raises `NoSuchModel` or `ModelRefused`."""
        return load_scorer(self.use_case.name, self.settings.bentoml_home)


@dataclass(frozen=True)
class Asked:
    """What a retraining is asked for.

    now: microseconds since 1970, UTC; nothing that happened later is looked at. because: the reason given, None to find
    one in the evidence. method: what to make for a given reason. approval: whether a person has to agree to a
    promotion. every_days: the age at which a champion is due without any other reason. level: the error rate of the
    rule of promotion, None for its stated one. effort: what to spend on the training, None for the usual. take_up:
    whether a story that was left open goes on as it began, whatever else is asked for.
    """

    now: int
    because: str | None = None
    method: Method | None = None
    approval: bool = False
    every_days: int = EVERY_DAYS
    level: float | None = None
    effort: Effort | None = None
    take_up: bool = False
