"""MLflow's registry and BentoML's model store, kept in step.

The store's champion pointer commits every change of champion: model, calibrator and policy in one step. MLflow's
aliases and tags follow it, and any command that finds them behind (after a crash in between) sets them right.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from service.errors import ModelRefused, NoSuchModel
from service.model_store import (
    Champion,
    Override,
    champion,
    changing,
    find_champion,
    history,
    load_scorer,
    put_beside,
    set_champion,
    with_policy,
)
from service.scoring.bundle import PROMOTION
from service.scoring.errors import canonical_json
from service.settings import Settings
from training.registry.changes import (
    Gate,
    Judged,
    MakeCard,
    check_override,
    expect_passed,
    expect_reason,
    judged_before,
    judged_now,
    promoted,
    record_of,
    rolled_back,
    with_other_policy,
)
from training.registry.client import TrackingDown, TrackingRefused, open_client
from training.registry.following import steps_behind
from training.registry.recording import record_training
from training.registry.stored import store, stored_version
from training.registry.version import CHALLENGER, Version, by_alias, by_number, fetch
from training.train import Trained

LOG = logging.getLogger(__name__)


def no_card(found: Version, record: Mapping[str, Any]) -> Mapping[str, bytes]:
    """Render nothing: the card that a bundle has stays."""
    return {}


class Registry:
    """Trainings recorded, versions promoted and taken back."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def _client(self) -> MlflowClient:
        if self._is_local:
            self.settings.home.mkdir(parents=True, exist_ok=True)
        return open_client(self.settings.tracking_uri)

    @property
    def _is_local(self) -> bool:
        return self.settings.tracking_uri.startswith("sqlite:")

    def reach(self) -> None:
        """Raise `TrackingDown` unless MLflow answers: to be asked before minutes of work."""
        self._client.search_registered_models(max_results=1)

    def record(self, trained: Trained, lineage: Mapping[str, Any]) -> Version:
        """Log a training and its trials, and register its model as the use case's challenger."""
        # MLflow's own default for SQLite is ./mlruns, wherever the command happened to be typed.
        artifacts = (self.settings.home / "artifacts").as_uri() if self._is_local else None
        return record_training(self._client, trained, lineage, artifacts)

    def find(self, use_case: str, number: str | None = None) -> Version:
        """Return a version by number, or the challenger; raises `NoSuchModel` or `ModelRefused`."""
        return fetch(self._model_version(use_case, number), self.settings.tracking_uri)

    def promote(
        self,
        use_case: str,
        number: str | None = None,
        *,
        why: str = "",
        override: Override | None = None,
        gates: Sequence[Gate] = (),
        card: MakeCard = no_card,
    ) -> tuple[Version, bool]:
        """Make a version (default: the challenger) the champion; returns it and whether the champion changed.

        The bundle is fetched and verified, it is stored, record and card are put beside it, the pointer is replaced,
        and only then does MLflow follow. The version comes with its bundle's own policy. Promoting the champion
        again changes neither champion nor policy; it writes record and card anew, with the gates and the override
        if there are any. Raises `NoSuchModel`, `WrongUse` for an override that is none, and `ModelRefused`: also for
        a failed gate that blocks, without an override, and for gates that compared with another champion than the
        present one.
        """
        check_override(override)
        version = self._model_version(use_case, number)
        found = fetch(version, self.settings.tracking_uri)
        home = self.settings.bentoml_home
        with changing(use_case, home):
            before, past = find_champion(use_case, home), history(use_case, home)
            # Where the pointer is damaged, the history still knows who was champion.
            last = before or (past[-1] if past else None)
            judged = judged_now(gates, found, before, last.model if last else None)
            expect_passed(found, judged, override)
            store(version, found)
            if before and (before.model, before.registry_version) == (found.tag, found.number):
                return self._promote_again(before, found, override, gates, card), False
            self._commit(promoted(found, last, past, why, override), found, judged, card)
        return found, True

    def rollback(self, use_case: str, why: str, *, card: MakeCard = no_card) -> tuple[Version, bool]:
        """Make the champion before the present one, model and policy, the champion again; returns it and True.

        Each rollback goes one further back, never forth, and gates are not asked again. It is done from the store,
        also while MLflow does not answer. Raises `NoSuchModel` where there is none to go back to, `ModelRefused`
        where that one is damaged, `WrongUse` without a reason.
        """
        expect_reason(why, "--why")
        home = self.settings.bentoml_home
        with changing(use_case, home):
            pointer = rolled_back(champion(use_case, home), history(use_case, home), why)
            found = self._stored(pointer)
            self._commit(pointer, found, judged_before(pointer), card)
        return found, True

    def use_policy(
        self, use_case: str, policy: str | None, because: str, *, card: MakeCard = no_card
    ) -> tuple[Version, bool]:
        """Let the champion decide by a stored policy, None for its own; returns it and whether anything changed.

        Raises `NoSuchModel` or `ModelRefused` where there is no such champion or policy, `WrongUse` without a reason.
        """
        expect_reason(because, "--because")
        home = self.settings.bentoml_home
        with changing(use_case, home):
            before = champion(use_case, home)
            own = self._stored(replace(before, policy=None)).scorer.policy.version
            wanted = None if policy == own else policy
            if wanted == before.policy:
                return self._stored(before), False
            pointer = with_other_policy(before, history(use_case, home), wanted, because)
            found = self._stored(pointer)
            self._commit(pointer, found, judged_before(before), card)
        return found, True

    def history(self, use_case: str) -> list[Champion]:
        """Return every champion that the store has had, with who, when and why; the present one last."""
        return history(use_case, self.settings.bentoml_home)

    def repair(self, use_case: str) -> None:
        """Let MLflow's aliases, tags and records follow the store's champion pointer."""
        pointer = find_champion(use_case, self.settings.bentoml_home)
        # Without the lock where nothing is to do, so that a reader of the store need not be able to write to it.
        if pointer is None or not steps_behind(self._client, use_case, pointer):
            return
        with changing(use_case, self.settings.bentoml_home):
            self._follow(use_case)

    def _promote_again(
        self,
        before: Champion,
        found: Version,
        override: Override | None,
        gates: Sequence[Gate],
        card: MakeCard,
    ) -> Version:
        kept = judged_before(before)
        against = kept.against or (before.previous.model if before.previous else None)
        in_use = with_policy(found.scorer, before.policy, self.settings.bentoml_home)
        shown = replace(found, scorer=in_use)
        pointer = replace(before, override=override or before.override)
        self._commit(pointer, shown, Judged(gates, against) if gates else kept, card)
        return shown

    def _commit(self, pointer: Champion, found: Version, judged: Judged, card: MakeCard) -> None:
        """Write what is to stand beside the bundle, replace the pointer, let MLflow follow; the lock is held."""
        home, use_case = self.settings.bentoml_home, found.use_case
        pointer = replace(pointer, gates_sha256=judged.sha256)
        record = record_of(pointer, found, judged)
        put_beside(pointer.model, {PROMOTION: canonical_json(record), **card(found, record)}, home)
        if find_champion(use_case, home) != pointer:
            set_champion(use_case, pointer, home)
        try:
            self._follow(use_case)
        except (TrackingDown, TrackingRefused) as error:
            LOG.warning(
                "the champion of %s is changed; MLflow follows with the next command: %s", use_case, error
            )

    def _follow(self, use_case: str) -> None:
        pointer = find_champion(use_case, self.settings.bentoml_home)
        for step in steps_behind(self._client, use_case, pointer) if pointer else ():
            step()

    def _stored(self, pointer: Champion) -> Version:
        """Return what a pointer means, loaded from the store; what is damaged there is fetched from MLflow again."""
        home = self.settings.bentoml_home
        try:
            scorer = load_scorer(pointer.model, home)
        except (NoSuchModel, ModelRefused):
            self._restore(pointer)
            scorer = load_scorer(pointer.model, home)
        return stored_version(with_policy(scorer, pointer.policy, home), pointer.registry_version)

    def _restore(self, pointer: Champion) -> None:
        use_case = pointer.model.partition(":")[0]
        version = by_number(self._client, use_case, pointer.registry_version)
        if version is None or version.tags.get("bundle") != pointer.model:
            raise ModelRefused(
                f"{pointer.model} is damaged or missing in the model store, and MLflow has no version "
                f"{pointer.registry_version} that is it"
            )
        store(version, fetch(version, self.settings.tracking_uri))

    def _model_version(self, use_case: str, number: str | None) -> ModelVersion:
        self.repair(use_case)
        client = self._client
        found = by_number(client, use_case, number) if number else by_alias(client, use_case, CHALLENGER)
        if found is None and number:
            raise NoSuchModel(f"{use_case} has no version {number}; see: aval leaderboard {use_case}")
        if found is None:
            raise NoSuchModel(f"{use_case} has no trained model; run: aval train {use_case}")
        return found
