"""The recipe of a model: what its evidence says it was made with, so that it can be made again on other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.scoring.arithmetic import FloatArray
from service.scoring.calibration import Calibrator
from service.scoring.scorer import Scorer
from training.candidates import FOR_MANY, Candidate
from training.data import Cases
from training.narrowed import on_inputs
from training.splits import Plan


def recipe_of(candidate: Candidate, kept: Sequence[str] | None) -> dict[str, Any]:
    """Return the candidate as JSON data; `kept` are the inputs it was fitted on, None for all."""
    return {
        "name": candidate.name,
        "family": candidate.name.partition(",")[0],
        "parameters": dict(candidate.parameters),
        "inputs": None if kept is None else list(kept),
    }


def candidate_of(recipe: Mapping[str, Any], inputs: Sequence[str]) -> Candidate:
    """Return the candidate that a recipe describes, of all `inputs`; raises `KeyError` for an unknown family."""
    family = {item.name: item for item in FOR_MANY}[recipe["family"]]
    candidate = family.with_parameters(recipe["parameters"])
    return candidate if recipe["inputs"] is None else on_inputs(candidate, recipe["inputs"], inputs)


def recipe_probabilities(scorer: Scorer, cases: Cases, plan: Plan) -> FloatArray:
    """Return P(bad) of the untouched rows by the model's recipe, fitted on the other rows.

    It learns from the model's own inputs: what the contract has gained since is kept from it. Raises `ValueError`
    where the contract has lost one of them, `KeyError` or `BundleInvalid` where the evidence does not say enough.
    """
    evidence, inputs = scorer.evidence, cases.use_case.contract.inputs
    recipe = dict(evidence["chosen"])
    if recipe["inputs"] is None and set(scorer.contract.inputs) != set(inputs):
        recipe["inputs"] = scorer.contract.inputs
    candidate = candidate_of(recipe, inputs)
    rows, seed = plan.development, evidence["data"]["seed"]
    predictor = candidate.predictor(cases.matrix[rows], cases.outcomes[rows], cases.levels, seed)
    calibrator = Calibrator.from_json(evidence["procedure"]["calibrator"])
    return calibrator.probability(predictor.score_many(cases.matrix[plan.untouched]))
