"""Champions with a past: decisions in a log, most of them with outcomes, so that there is something to retrain on."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from service.decision_log import Entry, Kind
from service.decision_log.scribe import writing
from service.decision_log.segments.store import SegmentStore
from service.decision_log.statements import iso
from service.model_store import Champion, save_bundle, set_champion
from service.monitoring.events import event_store
from service.online.answers import Asked as Question
from service.online.answers import new_id, scored_entry
from service.places import place_of
from service.scoring.arithmetic import FloatArray, logistic
from service.scoring.scorer import Scorer
from service.settings import Settings
from tests.service.decision_log.written_log import appending
from tests.training.registries import USE_CASE, registry_at, registry_of_two
from training.data import keep_snapshot
from training.gates import GATES
from training.retrain import Asked, Effort, Place
from training.retrain.journal import Journal
from training.train import Trained
from training.use_case import FairnessProfile, Monitoring, Requirements, UseCase
from training.use_cases import use_cases

DAY = 86_400_000_000
# 2026-11-16T02:00:00Z, a Monday.
NOW = 1_794_794_400_000_000
MATURITY = 30
# What bad is, from the records (rows,) as a table and the champion's log-odds of bad.
Truth = Callable[[Any, FloatArray, np.random.Generator], np.ndarray]


def as_the_champion_says(_: Any, log_odds: FloatArray, stream: np.random.Generator) -> np.ndarray:
    """Nothing has changed, and the champion is right about everybody."""
    return stream.random(len(log_odds)) < logistic(log_odds)


def riskier_than_it_says(_: Any, log_odds: FloatArray, stream: np.random.Generator) -> np.ndarray:
    """Everybody's log-odds of bad are higher by one; the order is as it was."""
    return stream.random(len(log_odds)) < logistic(log_odds + 1.2)


def by_another_rule(records: pd.DataFrame, log_odds: FloatArray, stream: np.random.Generator) -> np.ndarray:
    """The amount of the loan decides now, and hardly anything else."""
    return stream.random(len(log_odds)) < logistic(
        (records["loan_amount"].to_numpy(np.float64) - 10_000) / 1_500
    )


# A use case of one's own: the product's, whose gates all warn only, because small trainings reach little.
DECLARED = f"""
    from dataclasses import replace
    from training.gates import GATES
    from training.use_case import FairnessProfile, Monitoring, Requirements
    from training.use_cases import use_cases

    USE_CASE = replace(
        use_cases()["{USE_CASE}"],
        requirements=Requirements(least_rows=100, least_bad_rows=20, only_warn=tuple(GATES)),
        fairness=FairnessProfile.NONE,
        monitoring=Monitoring(maturity_days={MATURITY}),
    )
"""


@dataclass(frozen=True)
class Home:
    """Where everything of one test is."""

    folder: Path
    store: Path

    @property
    def settings(self) -> Settings:
        settings = registry_at(self.folder, f"sqlite:///{self.folder / 'mlflow.db'}", self.store).settings
        return replace(
            settings,
            decision_log=self.log,
            segments=str(self.folder / "segments"),
            monitoring=f"sqlite:///{self.folder / 'monitoring.db'}",
        )

    @property
    def log(self) -> str:
        return f"sqlite:///{self.folder / 'decisions.db'}"

    @contextmanager
    def place(self) -> Iterator[Place]:
        """Open everything, as the command does."""
        with event_store(self.settings.monitoring) as events:
            log = SegmentStore(self.log, place_of(self.settings.segments))
            yield Place(use_case(), self.settings, log, Journal(events, USE_CASE))


def use_case() -> UseCase:
    """The use case, whose gates all warn only: small trainings reach little."""
    return replace(
        use_cases()[USE_CASE],
        requirements=Requirements(least_rows=100, least_bad_rows=20, only_warn=tuple(GATES)),
        fairness=FairnessProfile.NONE,
        monitoring=Monitoring(maturity_days=MATURITY),
    )


def declared(folder: Path) -> Path:
    """Declare the same use case in a file, for commands."""
    file = folder / "watched.py"
    file.write_text(textwrap.dedent(DECLARED))
    return file


def home_with_champion(folder: Path, quick: Callable[..., Trained]) -> Home:
    """Make a home whose champion is a quickly trained one, with the cases that it was trained on."""
    store = registry_of_two(folder, quick).settings.bentoml_home
    trained = quick(USE_CASE)
    # Not by the registry: MLflow's connections would be this process's, and tests fork.
    tag = save_bundle(trained.files, USE_CASE, {"use_case": USE_CASE})
    set_champion(USE_CASE, Champion(tag, "1", "2026-07-01T00:00:00+00:00", "tests", change=1), store)
    keep_snapshot(trained.cases, folder / "data")
    return Home(folder, store)


def decide(  # noqa: PLR0913  # who decides, what then happens, and how many cases when
    home: Home,
    scorer: Scorer,
    truth: Truth,
    *,
    rows: int = 2_400,
    days: tuple[float, float] = (120, 0.1),
    now: int = NOW,
    declined_told: bool = True,
) -> list[str]:
    """Log decisions on generated records, spread over days before now, and the outcome of each after the maturity.

    Returns the ids. Who was not approved has an outcome too, unless it is said otherwise.
    """
    records = use_case().sample(rows, rows).drop(columns=["target"])
    stream = np.random.default_rng(rows)
    at = np.sort(now - (stream.uniform(days[1], days[0], rows) * DAY).astype(np.int64))
    decided = [
        scored_entry(
            scorer,
            Kind.DECISION,
            new_id(when),
            row,
            scorer.score(row),
            Question("request", "core", "en", when),
        )
        for when, row in zip(at.tolist(), _plain(records), strict=True)
    ]
    p = np.array([entry.probability for entry in decided], np.float64)
    bad = truth(records, np.log(p) - np.log1p(-p), stream)
    outcomes = [
        told(entry, is_bad, entry.at + 20 * DAY)
        for entry, is_bad in zip(decided, bad.tolist(), strict=True)
        if declined_told or entry.decision == "approve"
    ]
    every = [*decided, *(outcome for outcome in outcomes if outcome.at <= now)]
    with writing(home.log, "tests", int(at[0])) as scribe:
        for start in range(0, len(every), 500):
            scribe.write(appending(every[start : start + 500]))
    return [entry.about for entry in decided]


def told(decision: Entry, bad: bool, at: int) -> Entry:
    """Return what says of a decision whether it was bad, observed and told at a time."""
    outcome = use_case().contract.outcome
    details = {
        "outcome": (outcome.bad if bad else outcome.good)[0],
        "bad": bad,
        "observed_at": iso(at),
        "source": "tests",
        "correction": 0,
    }
    return Entry(
        kind=Kind.OUTCOME,
        at=at,
        use_case=USE_CASE,
        about=decision.about,
        contract=decision.contract,
        details=details,
    )


def asked(**more: Any) -> Asked:
    """A quick retraining at `NOW`, asked for by schedule, but for what is said otherwise."""
    return replace(Asked(NOW, because="schedule", effort=Effort(quick=True)), **more)


def _plain(records: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    for row in records.astype(object).where(records.notna(), None).to_dict("records"):
        yield {str(name): value.item() if hasattr(value, "item") else value for name, value in row.items()}
