"""Who may become champion: the gates of a version, those against the present champion among them."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from service.model_store import find_champion, load_scorer
from service.scoring.errors import BundleInvalid
from service.scoring.scorer import Scorer
from service.settings import Settings
from training.comparison import Comparison, compare_with_champion, rows_seen
from training.data import Cases, cases_of_table
from training.gates import relative_gates
from training.latency import decision_microseconds
from training.splits import plan_split
from training.use_case import Requirements, UseCase

TIMED_RECORDS = 40


def judge_gates(
    scorer: Scorer, use_case: UseCase, settings: Settings, cases: Cases | None
) -> list[dict[str, Any]]:
    """Return every gate's result for a trained bundle, as JSON data.

    The absolute ones stand in its hashed evidence. Those against the champion and of latency are found here:
    `cases` are the data that it was trained on, None to take the snapshot that training kept.
    """
    cases = cases or find_cases(use_case, str(scorer.evidence["data"]["fingerprint"]), settings)
    champion = _champion(scorer, settings)
    requirements = Requirements(**scorer.evidence["requirements"])
    comparison = None
    if champion is not None and cases is not None:
        comparison = _compare(cases, scorer, champion, settings)
    relative = relative_gates(
        requirements,
        comparison.to_json() if comparison else None,
        _latency(scorer, use_case),
        champion.tag if champion else None,
        use_case.costs.currency,
    )
    return [*scorer.evidence["gates"], *(gate.to_json() for gate in relative)]


def find_cases(use_case: UseCase, fingerprint: str, settings: Settings) -> Cases | None:
    """Return the cases that a training kept under this fingerprint, None where they are not on this machine."""
    file = settings.home / "data" / f"{fingerprint}.parquet"
    if not file.is_file():
        return None
    return cases_of_table(use_case, pq.read_table(file), text=False, source=file.name)


def _champion(challenger: Scorer, settings: Settings) -> Scorer | None:
    """Return the use case's champion, None where there is none or it is the very same bundle."""
    name = challenger.contract.use_case
    pointer = find_champion(name, settings.bentoml_home)
    if pointer is None or pointer.model == challenger.tag:
        return None
    return load_scorer(name, settings.bentoml_home)


def _compare(cases: Cases, challenger: Scorer, champion: Scorer, settings: Settings) -> Comparison | None:
    earlier = None
    if champion.evidence["data"]["fingerprint"] != cases.fingerprint:
        earlier = find_cases(cases.use_case, str(champion.evidence["data"]["fingerprint"]), settings)
    plan = plan_split(cases, challenger.evidence["data"]["seed"])
    try:
        return compare_with_champion(
            cases, plan, challenger, champion, None if earlier is None else rows_seen(cases, earlier)
        )
    except (KeyError, BundleInvalid):
        # A champion of an earlier release may lack the evidence that its recipe is made from.
        return None


def _latency(scorer: Scorer, use_case: UseCase) -> float:
    columns = [column.name for column in scorer.contract.columns]
    table = use_case.sample(TIMED_RECORDS, seed=1).reindex(columns=columns).astype(object)
    rows = table.where(table.notna(), None).to_dict("records")
    return decision_microseconds(scorer, [{str(name): row[name] for name in row} for row in rows])
