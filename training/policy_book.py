"""The policies of a use case: its champion's own, those stored beside it, and the one in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.policy_store import PolicyOrigin, load_policy, stored_policies
from service.scoring.policy import Policy
from service.scoring.scorer import Scorer


@dataclass(frozen=True)
class PolicyBook:
    """A use case's champion, which holds its own policy, and the policy in use."""

    scorer: Scorer
    in_use: Policy
    bentoml_home: Path

    @property
    def use_case(self) -> str:
        """The use case's name."""
        return self.scorer.contract.use_case

    def find(self, version: str) -> Policy:
        """Return the champion's own policy or a stored one; raises `NoSuchModel` or `ModelRefused`."""
        return _find(self.scorer, version, self.bentoml_home)

    def holds(self, version: str) -> bool:
        """Return whether a version is stored already; the champion's own need not be."""
        return version in {item.policy.version for item in stored_policies(self.use_case, self.bentoml_home)}

    def to_json(self) -> list[dict[str, Any]]:
        """Return all policies as JSON data, the champion's own first, then the others from the oldest on.

        `made_at`, `made_by` and `because` are None for a policy that came with the model.
        """
        stored = stored_policies(self.use_case, self.bentoml_home)
        rows = [self._row(item.policy, item.about.model) | _origin(item.about) for item in stored]
        if self.scorer.policy.version not in {item.policy.version for item in stored}:
            rows.append(self._row(self.scorer.policy, self.scorer.tag) | _origin(None))
        return sorted(rows, key=lambda row: not row["own"])

    def _row(self, policy: Policy, model: str) -> dict[str, Any]:
        return {
            "policy": policy.version,
            **policy.to_json(),
            "model": model,
            "own": policy.version == self.scorer.policy.version,
            "in_use": policy.version == self.in_use.version,
        }


def open_book(use_case: str, bentoml_home: Path) -> PolicyBook:
    """Return the policies of a use case; raises `NoSuchModel` where it has no champion."""
    from service.model_store import champion, load_scorer

    pointer = champion(use_case, bentoml_home)
    scorer = load_scorer(pointer.model, bentoml_home)
    return PolicyBook(
        scorer, _find(scorer, pointer.policy or scorer.policy.version, bentoml_home), bentoml_home
    )


def _find(scorer: Scorer, version: str, bentoml_home: Path) -> Policy:
    if version == scorer.policy.version:
        return scorer.policy
    return load_policy(scorer.contract.use_case, version, bentoml_home).policy


def _origin(about: PolicyOrigin | None) -> dict[str, str | None]:
    if about is None:
        return {"made_at": None, "made_by": None, "because": None}
    return {"made_at": about.made_at, "made_by": about.made_by, "because": about.because}
