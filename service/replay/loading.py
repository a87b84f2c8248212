"""The bundle and the policy that decisions were made with, loaded again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from service.decision_log.entries import Part
from service.errors import AvalError
from service.scoring.scorer import Scorer

# Returns the scorer of a tag with the policy of a version, or raises an `AvalError`.
Loader = Callable[[str, str], Scorer]


def stored_scorers(bentoml_home: Path) -> Loader:
    """Return a loader from the model store and the policies beside it; each bundle is loaded and verified once."""
    from service.model_store import load_scorer, with_policy

    bundles = cache(lambda tag: load_scorer(tag, bentoml_home))
    return lambda tag, policy: with_policy(bundles(tag), policy, bentoml_home)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A scorer and the parts of a record that it needs, or why there is none."""

    scorer: Scorer | None
    needs: frozenset[Part] = frozenset()
    why_not: str = ""


def loaded(load: Loader, model: str, policy: str) -> Loaded:
    """Return the scorer of a tag and a policy with what it needs, or why there is none."""
    try:
        scorer = load(model, policy)
    except AvalError as error:
        return Loaded(None, why_not=str(error))
    # A time makes inputs of the model; ids and protected columns never do.
    features = {column.name for column in scorer.contract.features}
    derived = {name for item in scorer.contract.derived for name in item.of}
    return Loaded(scorer, frozenset(Part) if derived - features else frozenset({Part.INPUTS}))
