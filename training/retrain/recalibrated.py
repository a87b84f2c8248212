"""The champion recalibrated: the same predictor, and a calibrator fitted on matured cases that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.bundle import bundle_files, scorer_from_files, version_of
from service.scoring.calibration import Method
from service.scoring.profile import make_profile
from service.scoring.scorer import Scorer
from training.data import Cases
from training.evaluate import Judged, judge, metrics
from training.fairness import fairness_report, protected_groups
from training.gates import absolute_gates, population_stability
from training.intervals import mean_with_interval
from training.latency import record_microseconds
from training.losses import log_losses
from training.out_of_fold import OutOfFold
from training.procedure import Procedure
from training.recipe import candidate_of
from training.selection import ROW_LOSS, Standing
from training.train import Trained

# These rise wherever the raw score rises, so that they rank exactly as it does; a curve with steps might not.
STRICTLY_RISING: tuple[Method, ...] = ("none", "temperature", "platt", "beta")


def recalibrate(champion: Scorer, cases: Cases, held_out: Cases, seed: int) -> Trained:
    """Return the champion with a calibrator fitted on `cases`, judged on `held_out`; the predictor saw neither.

    The ranking, and with it the AUC, stays as it was, and so does the policy in use. The evidence speaks of these
    cases; what it says of the data, the search and the importance of inputs is the predictor's own training's.
    """
    raw = champion.predictor.score_many(cases.matrix)
    out = OutOfFold(cases, np.arange(cases.rows, dtype=np.intp), raw[None, :], champion.predictor, raw)
    calibrated = out.calibrate(STRICTLY_RISING)
    costs = cases.use_case.costs
    of_whom = f"{cases.rows} matured cases that the predictor has not seen, each calibrated without it"
    shipped = Judged(
        of_whom,
        cases.outcomes,
        calibrated.probabilities[None, :],
        champion.policy,
        costs,
        None,
        calibrated.calibrator,
    )
    procedure = _procedure(champion, shipped, held_out, raw)
    evidence = _evidence(champion, shipped, procedure, calibrated.to_json(), cases, seed)
    files = bundle_files(
        champion.contract,
        champion.predictor,
        calibrated.calibrator,
        champion.policy,
        champion.reason_texts,
        procedure.profile,
        evidence,
    )
    scorer = scorer_from_files(files, use_case=cases.use_case.name, version=version_of(files))
    standing = _standing(champion, shipped, out)
    measured = {
        "record_microseconds": {
            standing.candidate.name: record_microseconds(champion.predictor, cases.matrix)
        }
    }
    return Trained(files, scorer, cases, [standing], [], procedure, measured)


def _procedure(champion: Scorer, shipped: Judged, held_out: Cases, raw: FloatArray) -> Procedure:
    """Judge the calibrator on the held-out cases, as a training judges its procedure on untouched rows."""
    latest = champion.predictor.score_many(held_out.matrix)
    probabilities = shipped.calibrator.probability(latest)
    judged = Judged(
        f"{held_out.rows} later matured cases, which neither predictor nor calibrator has seen",
        held_out.outcomes,
        probabilities[None, :],
        champion.policy,
        shipped.costs,
        None,
        shipped.calibrator,
    )
    uncalibrated = log_losses(held_out.outcomes, logistic(latest))
    gain, interval = mean_with_interval(uncalibrated - log_losses(held_out.outcomes, probabilities))
    return Procedure(
        champion.predictor,
        shipped.calibrator,
        judged,
        make_profile(champion.contract, held_out.matrix, probabilities, champion.policy.refer_from),
        {"value": gain, "interval": list(interval)},
        population_stability(raw, latest),
        dict(champion.evidence.get("importance", {})),
    )


def _evidence(
    champion: Scorer,
    shipped: Judged,
    procedure: Procedure,
    calibrators: Mapping[str, Any],
    cases: Cases,
    seed: int,
) -> dict[str, Any]:
    use_case = cases.use_case
    p = shipped.probabilities[0]
    evidence = {
        **champion.evidence,
        "procedure": {**judge(procedure.judged, seed), "calibration_gain": procedure.calibration_gain},
        "shipped": {**judge(shipped, seed), "calibrators": dict(calibrators)},
        "stability": procedure.stability,
        "fairness": fairness_report(
            protected_groups(cases), cases.outcomes, p, champion.policy.decide_all(p)
        ),
    }
    gates = absolute_gates(
        use_case.requirements,
        use_case.fairness,
        evidence,
        champion.contract,
        champion.reason_texts,
        use_case.costs,
    )
    return {**evidence, "gates": [gate.to_json() for gate in gates]}


def _standing(champion: Scorer, shipped: Judged, out: OutOfFold) -> Standing:
    candidate = candidate_of(champion.evidence["chosen"], champion.contract.inputs)
    losses = shipped.row_figures[0][ROW_LOSS[out.cases.use_case.objective]]
    size = sum(map(len, champion.predictor.to_files().values()))
    return Standing(candidate, metrics(shipped), size, losses, out, chosen=True)
