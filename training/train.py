"""From past cases to a bundle: split, compare, calibrate, judge the procedure on untouched rows, refit on all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.scoring.bundle import bundle_files, scorer_from_files, version_of
from service.scoring.calibration import Calibrator
from service.scoring.policy import Policy, policy_from_costs
from service.scoring.profile import Profile, make_profile
from service.scoring.scorer import Scorer
from training.calibrate import choose_calibrator, cross_calibrated
from training.candidates import Candidate, candidates
from training.data import Cases
from training.evaluate import metrics
from training.selection import OutOfFold, Standing, compare, score_out_of_fold
from training.splits import Plan, make_folds, plan_split
from training.use_case import Split

TOO_FEW_TO_PROVE = 200

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A training's result: the bundle's files, the scorer that they hold, and what was found on the way."""

    files: dict[str, bytes]
    scorer: Scorer
    cases: Cases
    standings: list[Standing]

    @property
    def chosen(self) -> Candidate:
        """The candidate that the bundle holds."""
        return next(item.candidate for item in self.standings if item.chosen)


def train(
    cases: Cases,
    seed: int = 0,
    tried: Sequence[Candidate] | None = None,
    progress: Progress = lambda _: None,
) -> Trained:
    """Train, calibrate and judge; the same cases, seed and candidates (default: all) give the same bundle.

    Figures under `procedure` come from rows that nothing saw, scored by a model fitted on the others. The bundle
    itself is fitted on all rows with the same parameters; its figures are the out-of-fold ones, under `shipped`.
    """
    use_case, plan = cases.use_case, plan_split(cases, seed)
    folds = make_folds(cases, plan.development, seed)
    tried = tried or candidates(int(cases.outcomes.sum()))
    standings = compare(tried, cases, folds, seed, lambda done: progress(f"cross-validated {done.name}"))
    chosen = next(item for item in standings if item.chosen)
    policy = policy_from_costs(use_case.costs)
    procedure = _judge_procedure(cases, plan, chosen, policy, seed)
    progress("judged on untouched rows")
    out = score_out_of_fold(
        chosen.candidate, cases, make_folds(cases, np.arange(cases.rows, dtype=np.intp), seed), seed
    )
    calibrator = choose_calibrator(out.raw_scores, cases.outcomes[out.rows], out.rows)
    predictor = chosen.candidate.predictor(cases.matrix, cases.outcomes, cases.levels, seed)
    progress("refitted on all rows")
    shipped = _judge_shipped(cases, out, policy)
    evidence = {
        "data": _data_evidence(cases, plan, seed),
        "candidates": [item.to_json() for item in standings],
        "chosen": {"name": chosen.candidate.name, "parameters": dict(chosen.candidate.parameters)},
        "procedure": {"metrics": procedure.metrics, "calibrator": procedure.calibrator.to_json()},
        "shipped": {"metrics": shipped, "population": _population(out)},
        "warnings": _warnings(cases),
    }
    files = bundle_files(
        use_case.contract, predictor, calibrator, policy, use_case.reasons, procedure.profile, evidence
    )
    scorer = scorer_from_files(files, use_case=use_case.name, version=version_of(files))
    return Trained(files, scorer, cases, standings)


@dataclass(frozen=True)
class _Procedure:
    metrics: dict[str, float]
    calibrator: Calibrator
    profile: Profile


def _judge_procedure(cases: Cases, plan: Plan, chosen: Standing, policy: Policy, seed: int) -> _Procedure:
    rows, out = plan.development, chosen.out_of_fold
    calibrator = choose_calibrator(out.raw_scores, cases.outcomes[out.rows], out.rows)
    predictor = chosen.candidate.predictor(cases.matrix[rows], cases.outcomes[rows], cases.levels, seed)
    untouched = cases.matrix[plan.untouched]
    probabilities = calibrator.probability(predictor.score_many(untouched))
    # Held-out rows: training rows would flatter the profile.
    profile = make_profile(cases.use_case.contract, untouched, probabilities, policy.refer_from)
    figures = metrics(cases.outcomes[plan.untouched], probabilities, policy, cases.use_case.costs)
    return _Procedure(figures, calibrator, profile)


def _judge_shipped(cases: Cases, out: OutOfFold, policy: Policy) -> dict[str, float]:
    """Return figures of the bundle's kind: scores out of fold, and calibrated by fits on other rows."""
    outcomes = cases.outcomes[out.rows]
    probabilities = cross_calibrated(out.raw_scores, outcomes, out.rows)
    figures = metrics(outcomes, probabilities, policy, cases.use_case.costs)
    return {**figures, "rows": float(len(np.unique(out.rows)))}


def _population(out: OutOfFold) -> str:
    rows = len(np.unique(out.rows))
    return f"{rows} rows, each scored {len(out.rows) // rows} time(s) by a fit that did not see it"


def _data_evidence(cases: Cases, plan: Plan, seed: int) -> dict[str, Any]:
    return {
        "fingerprint": cases.fingerprint,
        "generated": cases.generated,
        "rows": cases.rows,
        "bad_rate": float(cases.outcomes.mean()),
        "refused": cases.refused,
        "split": plan.method,
        "untouched_rows": len(plan.untouched),
        "seed": seed,
    }


def _warnings(cases: Cases) -> list[str]:
    found = []
    if cases.rows < TOO_FEW_TO_PROVE:
        found.append(f"{cases.rows} rows prove nothing: every figure here is noise. A smoke test only.")
    if cases.use_case.split is Split.TIME and cases.times is None:
        found.append("No case has a time: the split is at random, where the use case asks for one by time.")
    if cases.generated:
        found.append("The data were generated: figures say nothing about real cases.")
    return found
