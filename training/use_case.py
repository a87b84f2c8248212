"""What a use case declares: one file says everything that the product needs to know about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from service.scoring.contract import (
    Column,
    ColumnType,
    Contract,
    Derived,
    Operation,
    Outcome,
    Role,
)
from service.scoring.language import Language
from service.scoring.policy import Costs
from service.scoring.reasons import ReasonText

if TYPE_CHECKING:
    import pandas as pd

# A string, and pandas only where records are made: most commands make none, and start without it.
Generator: TypeAlias = "Callable[[np.random.Generator, int], pd.DataFrame]"


class Split(StrEnum):
    """How rows are set aside: at random within each outcome, the latest ones, or whole groups (`group`)."""

    STRATIFIED = "stratified"
    TIME = "time"
    GROUPED = "grouped"


class Objective(StrEnum):
    """What candidates are compared by: the cost of the decisions that they lead to, or the log loss."""

    COST = "cost"
    LOG_LOSS = "log_loss"


class FairnessProfile(StrEnum):
    """Whose rules decide which fairness figures are gates; none makes all of them figures only."""

    EU = "eu"
    US = "us"
    FRAUD = "fraud"
    NONE = "none"


@dataclass(frozen=True)
class About:
    """What a model card must say and no figure can: the parts that only people know."""

    purpose: str = ""
    stakeholders: tuple[str, ...] = ()
    success: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirements:
    """What a model must reach before it may be promoted; None asks nothing.

    `most_cost_per_case` is in the currency of the costs, `most_record_microseconds` the time of one decision,
    `most_psi` between the scores of development and untouched rows; `least_precision` is of the declined that are
    bad, `least_recall` of the bad that are declined. `only_warn` names gates by code that are printed when they
    fail and do not block: goals, not conditions.
    """

    least_rows: int = 1_000
    least_bad_rows: int = 100
    least_roc_auc: float | None = None
    least_pr_auc: float | None = None
    most_brier: float | None = None
    most_cost_per_case: float | None = None
    most_psi: float = 0.25
    most_record_microseconds: float = 5_000.0
    least_precision: float | None = None
    least_recall: float | None = None
    only_warn: tuple[str, ...] = ()


@dataclass(frozen=True)
class PolicyAims:
    """Bounds on the decisions, beside their cost: the most that can be referred, the share to approve; None is open."""

    review_capacity: float | None = None
    approval_rate: float | None = None


@dataclass(frozen=True)
class Monitoring:
    """How a use case is watched once it decides: when outcomes are known, and how rarely an alarm may be false.

    `maturity_days` is the age at which a decision's outcome is known, good or bad alike: before, only some are.
    `accepted_declines` is the share of declines that are accepted at random, so that something is known of them; 0 is
    none. `least_records` are needed in a window of drift. `alpha` bounds the chance of any false alarm within a year
    of daily looks. P(bad) may be wrong by `tolerated_shift` in log-odds, and the AUC lower by `tolerated_auc_loss`,
    without an alarm.
    """

    maturity_days: int = 90
    accepted_declines: float = 0.0
    least_records: int = 120
    alpha: float = 0.05
    tolerated_shift: float = 0.1
    tolerated_auc_loss: float = 0.02

    def __post_init__(self) -> None:
        allowed = {
            "maturity_days": 0 <= self.maturity_days <= 3_650,
            "accepted_declines": 0 <= self.accepted_declines <= 1,
            "least_records": self.least_records >= 1,
            "alpha": 0 < self.alpha < 1,
            "tolerated_shift": 0 <= self.tolerated_shift <= 1,
            "tolerated_auc_loss": 0 <= self.tolerated_auc_loss < 0.5,
        }
        if wrong := [f"{name}={getattr(self, name)}" for name, right in allowed.items() if not right]:
            raise ValueError(
                f"{', '.join(wrong)}: days go from 0 to 3650, records from 1, alpha lies between 0 and 1, "
                "a share and a shift of log-odds go from 0 to 1, an AUC loss from 0 to below 0.5"
            )

    @property
    def alpha_calibration(self) -> float:
        """The alarm on calibration's part of alpha: a half."""
        return 0.5 * self.alpha

    @property
    def alpha_drift(self) -> float:
        """The part of alpha that all alarms on the distribution of records and scores share: four tenths."""
        return 0.4 * self.alpha

    @property
    def alpha_ranking(self) -> float:
        """The alarm on ranking's part of alpha: a tenth."""
        return 0.1 * self.alpha


@dataclass(frozen=True)
class UseCase:
    """A use case: its contract, costs, reason texts, split and a generator of realistic records.

    `generate(rng, rows)` returns a table as a file of past cases would hold it: every column of the contract, the
    outcome in its own coding, nulls where the real data have them. `reasons` has one text per input, in English and
    in the contract's language. `group` names the id column whose rows stay together under `Split.GROUPED`.
    `known_after_decision` names features that exist only once somebody has decided. `population_bad_rate` is the bad
    rate in nature, where the cases are a sample that was drawn by outcome.
    """

    contract: Contract
    costs: Costs
    reasons: Mapping[str, ReasonText]
    source: str
    generate: Generator
    split: Split = Split.STRATIFIED
    group: str | None = None
    objective: Objective = Objective.COST
    about: About = field(default_factory=About)
    requirements: Requirements = field(default_factory=Requirements)
    fairness: FairnessProfile = FairnessProfile.NONE
    aims: PolicyAims = field(default_factory=PolicyAims)
    monitoring: Monitoring = field(default_factory=Monitoring)
    known_after_decision: tuple[str, ...] = ()
    population_bad_rate: float | None = None

    def __post_init__(self) -> None:
        if missing := [name for name in self.contract.inputs if name not in self.reasons]:
            raise ValueError(f"{self.name}: no reason text for {', '.join(missing)}")
        self._expect_reasons_in(self.contract.language)
        times = [column.name for column in self.contract.of_role(Role.TIME)]
        if self.split is Split.TIME and not times:
            raise ValueError(f"{self.name}: a split by time needs a column of role time")
        ids = [column.name for column in self.contract.of_role(Role.ID)]
        if (self.split is Split.GROUPED) != (self.group is not None) or (
            self.group and self.group not in ids
        ):
            raise ValueError(
                f"{self.name}: a grouped split, and no other, names a column of role id: group={self.group!r}"
            )
        features = [column.name for column in self.contract.features]
        if unknown := [name for name in self.known_after_decision if name not in features]:
            raise ValueError(f"{self.name}: known_after_decision names {unknown[0]!r}, which is no feature")
        if self.population_bad_rate is not None and not 0 < self.population_bad_rate < 1:
            raise ValueError(
                f"{self.name}: population_bad_rate={self.population_bad_rate} is not between 0 and 1"
            )

    def _expect_reasons_in(self, language: Language) -> None:
        for name in self.contract.inputs:
            reason = self.reasons[name]
            if language != "en" and not reason.local:
                raise ValueError(
                    f"{self.name}: the reason {reason.code} of {name} has no text in {language!r}"
                )
            if language == "en" and reason.local:
                raise ValueError(
                    f"{self.name}: the reason {reason.code} of {name} has a second text, {reason.local!r}, "
                    "and the contract no second language: declare it"
                )

    @property
    def language(self) -> Language:
        """The language of the people whom it is about; every text is in it, besides English."""
        return self.contract.language

    @property
    def name(self) -> str:
        """The use case's name, as users type it."""
        return self.contract.use_case

    def sample(self, rows: int, seed: int = 0) -> pd.DataFrame:
        """Return `rows` generated past cases; the same seed gives the same rows."""
        return self.generate(np.random.default_rng(seed), rows)


__all__ = [
    "About",
    "Column",
    "ColumnType",
    "Contract",
    "Costs",
    "Derived",
    "FairnessProfile",
    "Monitoring",
    "Objective",
    "Operation",
    "Outcome",
    "PolicyAims",
    "ReasonText",
    "Requirements",
    "Role",
    "Split",
    "UseCase",
]
