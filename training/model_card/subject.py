"""What a card is about: a verified bundle, and what is known of it outside its hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.scoring.scorer import Scorer
from training.model_card.document import part

JUDGEMENT_NAMES = {
    "procedure": "Procedure, untouched rows",
    "shipped": "Shipped bundle, out of fold",
}


@dataclass(frozen=True)
class Subject:
    """A bundle whose hashes are right, and what stands outside them: its run and its promotion."""

    scorer: Scorer
    run: Mapping[str, Any]
    promotion: Mapping[str, Any]

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What training found, from inside the hash."""
        return self.scorer.evidence

    @property
    def currency(self) -> str:
        """The currency of the costs, empty where none is recorded."""
        return str(part(self.evidence, "costs").get("currency", ""))

    @property
    def judgements(self) -> dict[str, Mapping[str, Any]]:
        """The judgements that were recorded, that of untouched rows first."""
        return {name: found for name in JUDGEMENT_NAMES if (found := part(self.evidence, name))}

    @property
    def first_metrics(self) -> Mapping[str, Any]:
        """Figures of untouched rows where there are any, else of the shipped bundle."""
        for judgement in self.judgements.values():
            if found := part(judgement, "metrics"):
                return found
        return {}
