"""Past cases as a stored model scores them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from service.errors import WrongUse
from service.scoring.arithmetic import FloatArray
from service.scoring.policy import Costs, Policy
from service.scoring.scorer import Scorer
from training.calibrate import case_weights
from training.data import Cases, read_cases
from training.fairness import protected_groups
from training.policies import expected_mix
from training.swap_set import swap_set
from training.use_case import UseCase

FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PastScores:
    """Cases with the P(bad) that a model gives each of them (rows,).

    weights (rows,) turn cases that were drawn by outcome back to the population's bad rate; None, all equal, for
    others. `fitted_on` says that the model was fitted on these very cases.
    """

    cases: Cases
    probabilities: FloatArray
    weights: FloatArray | None
    fitted_on: bool

    @property
    def notes(self) -> list[str]:
        """What whoever reads figures of these cases must know."""
        found = [
            "The model was fitted on these cases, which flatters it: on new ones expect a higher cost and another mix."
            if self.fitted_on
            else "Any of these cases that the model was fitted on flatter it."
        ]
        if self.cases.generated:
            found.append("The cases were generated: figures say nothing about real ones.")
        if self.weights is not None:
            rate = self.cases.use_case.population_bad_rate
            found.append(f"The cases are weighted to the population's bad rate of {rate:.4%}.")
        return found

    def mix(self, policy: Policy) -> dict[str, float]:
        """Return the share of each decision under a policy."""
        return expected_mix(self.probabilities, policy, self.weights)

    def swap_set(self, before: Policy, after: Policy, costs: Costs) -> dict[str, Any]:
        """Return who changes decision between two policies, also by protected group, as JSON data."""
        p, cases = self.probabilities, self.cases
        groups = protected_groups(cases)
        return swap_set(p, before, p, after, cases.outcomes, costs, groups, self.weights)

    def to_json(self) -> dict[str, Any]:
        """Return which cases these are, as JSON data."""
        return {
            "source": self.cases.source,
            "rows": self.cases.rows,
            "fingerprint": self.cases.fingerprint,
            "fitted_on": self.fitted_on,
            "notes": self.notes,
        }


def score_past(use_case: UseCase, scorer: Scorer, file: Path | None, home: Path) -> PastScores:
    """Score a file of past cases, or with None those that the model was fitted on, as `aval train` has kept them.

    Raises `WrongUse` where nothing was kept, `UnreadableInput` for a file that does not hold such cases.
    """
    cases = (
        kept_cases(use_case, scorer, home)
        if file is None
        else read_cases(_as_trained(use_case, scorer), file)
    )
    rate = use_case.population_bad_rate
    return PastScores(
        cases=cases,
        probabilities=scorer.score_matrix(cases.matrix),
        weights=None if rate is None else case_weights(cases.outcomes, rate),
        fitted_on=cases.fingerprint == fingerprint_of(scorer),
    )


def fingerprint_of(scorer: Scorer) -> str:
    """Return the fingerprint of the cases that a model was fitted on, as its evidence names it; "" for none."""
    return str(scorer.evidence.get("data", {}).get("fingerprint", ""))


def kept_cases(use_case: UseCase, scorer: Scorer, home: Path) -> Cases:
    """Return the cases that a model was fitted on, as `aval train` has kept them, read by the model's own contract.

    Raises `WrongUse` where they are not there or not the same any more, `UnreadableInput` for a damaged file.
    """
    fingerprint = fingerprint_of(scorer)
    if not FINGERPRINT.fullmatch(fingerprint):
        raise WrongUse(f"{scorer.tag} names no cases that it was fitted on; give past cases with --data FILE")
    file = home / "data" / f"{fingerprint}.parquet"
    if not file.is_file():
        raise WrongUse(
            f"{file}, the cases that {scorer.tag} was fitted on, is not there; give past cases with --data FILE"
        )
    cases = read_cases(_as_trained(use_case, scorer), file)
    if cases.fingerprint != fingerprint:
        raise WrongUse(f"{file} was changed since it was kept; give past cases with --data FILE")
    # The file's name is a hash, which tells nobody anything.
    return replace(cases, source="kept by aval train", generated=bool(scorer.evidence["data"]["generated"]))


def _as_trained(use_case: UseCase, scorer: Scorer) -> UseCase:
    # The declaration may have changed since: what the model's matrix means stands in its own contract.
    return replace(use_case, contract=scorer.contract, reasons=scorer.reason_texts, known_after_decision=())
