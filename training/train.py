"""From past cases to a bundle: split, search, compare, calibrate, judge on untouched rows, refit on all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from service.scoring.bundle import bundle_files, scorer_from_files, version_of
from service.scoring.scorer import Scorer
from training.candidates import Candidate, candidates
from training.data import Cases
from training.evidence import Findings, evidence_of
from training.feature_selection import Selection, on_inputs, select_inputs
from training.latency import record_microseconds
from training.out_of_fold import score_out_of_fold
from training.procedure import Procedure, judge_procedure
from training.progress import Progress, part, silent
from training.selection import Standing, chosen_of, compare, judged_out_of_fold, least_cost
from training.splits import Fold, make_folds, plan_split
from training.trial import Trial
from training.tune import Budget, Search, search


@dataclass(frozen=True)
class Options:
    """How much a training does. `tried` are the candidates, all by default; `select_inputs` tries fewer inputs too,
    selected on the development rows: only the untouched ones judge that without favour.

    `thorough` adds what a quick look does without: what protected attributes would add, and proxies of them.
    """

    budget: Budget = field(default_factory=Budget)
    tried: Sequence[Candidate] | None = None
    select_inputs: bool = False
    thorough: bool = True


@dataclass(frozen=True)
class Trained:
    """A training's result: the bundle's files, the scorer that they hold, and what was found on the way.

    `measured` depends on the machine and stands outside the bundle: microseconds for one record, by candidate.
    `gates` are all gates' results, where they were asked; `card` the model card's files by name, where it was rendered.
    """

    files: dict[str, bytes]
    scorer: Scorer
    cases: Cases
    standings: list[Standing]
    trials: list[Trial]
    procedure: Procedure
    measured: Mapping[str, Any]
    gates: Sequence[Mapping[str, Any]] = ()
    card: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def chosen(self) -> Candidate:
        """The candidate that the bundle holds."""
        return chosen_of(self.standings).candidate


def train(
    cases: Cases, seed: int = 0, options: Options | None = None, progress: Progress = silent
) -> Trained:
    """Train, calibrate and judge; the same cases, seed and options give the same bundle.

    Figures under `procedure` come from rows that nothing saw, scored by a model fitted on the others. The bundle
    itself is fitted on all rows with the same parameters; its figures are the out-of-fold ones, under `shipped`.
    """
    options = options or Options()
    plan = plan_split(cases, seed)
    folds = make_folds(cases, plan.development, seed)
    tried = options.tried or candidates(int(cases.outcomes.sum()))
    found = search(tried, cases, folds, seed, options.budget, part(progress, 0.0, 0.6))
    standings, selection = _compare(found, cases, folds, seed, options)
    chosen = chosen_of(standings)
    progress("candidates compared", 0.65)
    every_row = make_folds(cases, np.arange(cases.rows, dtype=np.intp), seed)
    out = score_out_of_fold(chosen.candidate, cases, every_row, seed)
    shipped = judged_out_of_fold(out)
    procedure = judge_procedure(cases, plan, chosen, least_cost(chosen.out_of_fold), seed)
    progress("judged on untouched rows", 0.8)
    findings = Findings(
        cases, plan, standings, found, procedure, out, shipped, selection, options.thorough, seed
    )
    evidence = evidence_of(findings)
    progress("evidence gathered", 0.95)
    files = bundle_files(
        cases.use_case.contract,
        chosen.candidate.predictor(cases.matrix, cases.outcomes, cases.levels, seed),
        shipped.calibrator,
        shipped.policy,
        cases.use_case.reasons,
        procedure.profile,
        evidence,
    )
    progress("refitted on all rows", 1.0)
    scorer = scorer_from_files(files, use_case=cases.use_case.name, version=version_of(files))
    return Trained(files, scorer, cases, standings, found.trials, procedure, _measured(standings, cases))


def _compare(
    found: Search, cases: Cases, folds: Sequence[Fold], seed: int, options: Options
) -> tuple[list[Standing], Selection | None]:
    """Compare what the search found; with input selection, also the best servable one on fewer inputs."""
    standings = compare(found.scored)
    if not options.select_inputs:
        return standings, None
    selection = select_inputs(cases, folds, seed)
    if set(selection.kept) == set(cases.use_case.contract.inputs):
        return standings, selection
    narrow = on_inputs(chosen_of(standings).candidate, selection.kept, cases.use_case.contract.inputs)
    scored = [*found.scored, (narrow, score_out_of_fold(narrow, cases, folds, seed))]
    return compare(scored), selection


def _measured(standings: Sequence[Standing], cases: Cases) -> dict[str, Any]:
    return {
        "record_microseconds": {
            item.candidate.name: record_microseconds(item.out_of_fold.last_fit, cases.matrix)
            for item in standings
            if item.candidate.servable
        }
    }
