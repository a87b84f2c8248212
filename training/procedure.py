"""The procedure, judged: what a model made in this way does on rows that nothing saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.calibration import Calibrator
from service.scoring.policy import Policy
from service.scoring.predictors import Predictor
from service.scoring.predictors.contributions import Explainer
from service.scoring.profile import Profile, make_profile
from training.calibrate import case_weights
from training.data import Cases
from training.evaluate import Judged
from training.gates import population_stability
from training.intervals import mean_with_interval
from training.losses import log_losses
from training.selection import Standing
from training.splits import Plan

EXPLAINED = 200


@dataclass(frozen=True)
class Procedure:
    """The chosen candidate fitted on the development rows, and the untouched rows scored by it.

    `calibration_gain` is how much lower the calibrator makes their log loss per row, with 95 % interval.
    `stability` compares scores of the untouched rows with those of development rows, all by one fit that saw neither.
    """

    predictor: Predictor
    calibrator: Calibrator
    judged: Judged
    profile: Profile
    calibration_gain: dict[str, Any]
    stability: dict[str, Any]
    importance: dict[str, float]


def judge_procedure(cases: Cases, plan: Plan, chosen: Standing, policy: Policy, seed: int) -> Procedure:
    """Fit the chosen candidate on the development rows, calibrate it out of fold, and score the untouched rows."""
    use_case, rows, out = cases.use_case, plan.development, chosen.out_of_fold
    predictor = chosen.candidate.predictor(cases.matrix[rows], cases.outcomes[rows], cases.levels, seed)
    calibrator = out.calibrated.calibrator
    untouched, outcomes = cases.matrix[plan.untouched], cases.outcomes[plan.untouched]
    raw_scores = predictor.score_many(untouched)
    probabilities = calibrator.probability(raw_scores)
    rate = use_case.population_bad_rate
    judged = Judged(
        f"{len(outcomes)} untouched rows ({plan.method}), scored by a fit on the other {len(rows)}",
        outcomes,
        probabilities[None, :],
        policy,
        use_case.costs,
        None if rate is None else case_weights(outcomes, rate),
        calibrator,
    )
    # Held-out rows: training rows would flatter the profile.
    profile = make_profile(use_case.contract, untouched, probabilities, policy.refer_from)
    stability = population_stability(out.last_scores, out.last_fit.score_many(untouched))
    return Procedure(
        predictor,
        calibrator,
        judged,
        profile,
        _gain(judged, raw_scores),
        stability,
        _importance(cases, plan, predictor, calibrator, profile),
    )


def _gain(judged: Judged, raw_scores: FloatArray) -> dict[str, Any]:
    # Without its offset, which is no matter of calibration but of how the cases were drawn.
    uncalibrated = logistic(raw_scores + judged.calibrator.offset)
    losses = [log_losses(judged.outcomes, p) for p in (uncalibrated, judged.probabilities[0])]
    value, interval = mean_with_interval((losses[0] - losses[1]) * judged.weight)
    return {"value": value, "interval": list(interval)}


def _importance(
    cases: Cases, plan: Plan, predictor: Predictor, calibrator: Calibrator, profile: Profile
) -> dict[str, float]:
    """Return per input the mean size of its contribution to the log-odds, over a spread of untouched rows."""
    explainer = Explainer(predictor, profile.reference())
    every = max(1, len(plan.untouched) // EXPLAINED)
    rows = cases.matrix[plan.untouched[::every][:EXPLAINED]].tolist()
    reference = predictor.score_one(profile.reference())
    total = np.zeros(len(cases.levels))
    for row in rows:
        contributions = explainer.contributions(row)
        total += abs(calibrator.explained(contributions, predictor.score_one(row), reference))
    return dict(zip(cases.use_case.contract.inputs, (total / len(rows)).tolist(), strict=True))
