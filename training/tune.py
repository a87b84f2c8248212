"""Search for parameters inside cross-validation: every candidate as declared first, then trials for the contenders."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.calibration import Method
from training.candidates import Candidate
from training.data import Cases
from training.losses import log_losses
from training.out_of_fold import OutOfFold, score_out_of_fold
from training.progress import Progress, part, silent
from training.splits import Fold
from training.trial import Trial, TrialState

if TYPE_CHECKING:
    import optuna

LOG = logging.getLogger(__name__)

TRIALS = 8
# A start whose log loss is within this share of the best one's may still overtake it.
CONTENDS_WITHIN = 0.02
# A one-sided Wilcoxon test over the folds that the trial so far is worse than the best one.
PRUNE_AT = 0.1
PRUNE_AFTER_FOLDS = 2
SHARE_OF_STARTS = 0.5
SIMPLE: tuple[Method, ...] = ("none", "temperature", "platt")


@dataclass(frozen=True)
class Budget:
    """How much to search: at most so many trials beyond the declared starts, and at most so many minutes.

    Trials repeat exactly from the same seed; minutes depend on the machine.
    """

    trials: int = TRIALS
    minutes: float | None = None


@dataclass
class Search:
    """What a search found: per family the best candidate with its scores, and every trial on the way."""

    scored: list[tuple[Candidate, OutOfFold]] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    stopped: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what was searched, as JSON data."""
        return {
            "trials": len(self.trials),
            "pruned": sum(trial.state == "pruned" for trial in self.trials),
            "failed": sum(trial.state == "failed" for trial in self.trials),
            "objective": "log_loss",
            "stopped": self.stopped,
        }


def search(  # what to try, on what, how much, and whom to tell
    families: Sequence[Candidate],
    cases: Cases,
    folds: Sequence[Fold],
    seed: int,
    budget: Budget,
    progress: Progress = silent,
) -> Search:
    """Score every family's declared start, then tune the contenders by the log loss of calibrated probabilities.

    Contenders are the best start of each serving class among those close to the best of all; they take turns.
    Ctrl-C, or the end of the minutes, ends the search and keeps what was found, as soon as that can be served.
    What fails is a failed trial; raises the last failure when nothing that can be served was scored.
    """
    deadline = time.monotonic() + 60 * budget.minutes if budget.minutes is not None else np.inf
    result = Search()
    studies = [_Study(family, cases, folds, seed) for family in families]
    try:
        for number, study in enumerate(studies):
            study.tries(result)
            progress(f"cross-validated {study.family.name}", SHARE_OF_STARTS * (number + 1) / len(studies))
            if time.monotonic() > deadline and _servable(studies):
                result.stopped = f"by the clock after {len(result.trials)} trials"
                break
        else:
            _take_turns(studies, result, budget, deadline, part(progress, SHARE_OF_STARTS, 1.0))
    except KeyboardInterrupt:
        if not _servable(studies):
            raise
        result.stopped = f"by the user after {len(result.trials)} trials"
    if not _servable(studies):
        raise next(study.failure for study in reversed(studies) if study.failure)
    result.scored = [study.best for study in studies if study.best]
    return result


def _servable(studies: Sequence[_Study]) -> list[_Study]:
    return [study for study in studies if study.best and study.family.servable]


def _contenders(studies: Sequence[_Study]) -> list[_Study]:
    servable = sorted(_servable(studies), key=lambda item: item.loss)
    close: dict[int, _Study] = {}
    for study in servable:
        if study.loss <= servable[0].loss * (1 + CONTENDS_WITHIN):
            close.setdefault(study.family.serving_class, study)
    return list(close.values())


def _take_turns(
    studies: Sequence[_Study], result: Search, budget: Budget, deadline: float, progress: Progress
) -> None:
    contenders = _contenders(studies)
    for number in range(budget.trials if contenders else 0):
        if time.monotonic() > deadline:
            result.stopped = f"by the clock after {len(result.trials)} trials"
            return
        trial = contenders[number % len(contenders)].tries(result)
        progress(_said(trial, number + 1, budget.trials), (number + 1) / budget.trials)


def _said(trial: Trial, number: int, of: int) -> str:
    outcome = trial.state if trial.objective is None else f"log loss {trial.objective:.4f}"
    return f"trial {number} of {of}: {trial.candidate}, {outcome}"


class _Study:
    """The search within one family: first as declared, then over its space."""

    def __init__(self, family: Candidate, cases: Cases, folds: Sequence[Fold], seed: int) -> None:
        self.family, self.cases, self.folds, self.seed = family, cases, folds, seed
        self.best: tuple[Candidate, OutOfFold] | None = None
        self.loss = np.inf
        self.failure: Exception | None = None
        self._study = _new_study(seed)
        self._study.enqueue_trial(dict(family.parameters))

    def tries(self, result: Search) -> Trial:
        """Score further parameters, tell the result, and keep the best."""
        began = time.monotonic()
        trial = self._study.ask()
        candidate = self.family.with_parameters(self.family.space(trial))
        state, objective = self._score(trial, candidate)
        told = Trial(
            candidate=self.family.name,
            number=len(result.trials),
            parameters=dict(candidate.parameters),
            objective=objective,
            figures={} if objective is None else {"log_loss": objective},
            state=state,
            seconds=time.monotonic() - began,
        )
        result.trials.append(told)
        return told

    def _score(self, trial: optuna.Trial, candidate: Candidate) -> tuple[TrialState, float | None]:
        import optuna

        try:
            out = score_out_of_fold(candidate, self.cases, self.folds, self.seed, _pruner(trial, self.cases))
            objective = _calibrated_loss(out)
        except optuna.TrialPruned:
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return "pruned", None
        except Exception as error:
            # Ten libraries fail in many ways; one that cannot learn from these rows must not end the others.
            LOG.warning("%s failed: %s", candidate.name, error)
            self.failure = error
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return "failed", None
        self._study.tell(trial, objective)
        if objective < self.loss:
            self.best, self.loss = (candidate, out), objective
        return "complete", objective


def _new_study(seed: int) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        # The pruner may change its interface in a later version; the lock holds this one.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=PRUNE_AT, n_startup_steps=PRUNE_AFTER_FOLDS)
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)


def _pruner(trial: optuna.Trial, cases: Cases) -> Callable[[int, Fold, FloatArray], None]:
    def after_fold(number: int, fold: Fold, scores: FloatArray) -> None:
        import optuna

        trial.report(float(log_losses(cases.outcomes[fold.score], logistic(scores)).mean()), number)
        if trial.should_prune():
            raise optuna.TrialPruned

    return after_fold


def _calibrated_loss(out: OutOfFold) -> float:
    """Return the log loss after the simplest calibration that helps: enough to tell parameters apart."""
    probabilities = out.calibrate(SIMPLE).probabilities.reshape(out.raw_scores.shape)
    losses = [np.average(log_losses(out.outcomes, p), weights=out.weights) for p in probabilities]
    return float(np.mean(losses))
