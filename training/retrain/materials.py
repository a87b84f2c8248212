"""What a story learns from and judges by: gathered from the log once, kept, and found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from service.errors import UnreadableInput
from service.scoring.scorer import Scorer
from training.data import Cases, keep_snapshot, read_cases
from training.retrain.challenger import Method
from training.retrain.divided import Divided, Since, divide
from training.retrain.matured import matured_cases
from training.retrain.place import Place
from training.use_case import UseCase


@dataclass(frozen=True)
class Materials:
    """Cases to learn from and cases to judge by, and what is to be said about them."""

    learnt: Cases
    held_out: Cases
    said: Mapping[str, Any]


def gather(place: Place, champion: Scorer, method: Method, now: int, since: Since) -> Materials:
    """Return the materials as the log had them at `now`; the same log gives the same.

    Raises `NothingYet` where too little has matured.
    """
    use_case = use_case_of(place.use_case, champion, method)
    found = matured_cases(place.log, champion, use_case, now)
    divided = divide(found, use_case, champion, place.settings.home, since)
    learnt = divided.latest if method is Method.RECALIBRATE else divided.to_learn_from()
    return Materials(learnt, divided.held_out, _said(divided, learnt, found.population.to_json(), method))


def keep(materials: Materials, home: Path) -> None:
    """Keep the cases where trainings keep theirs, under their fingerprints; no case has an id."""
    for cases in (materials.learnt, materials.held_out):
        keep_snapshot(cases, home / "data")


def find_again(place: Place, champion: Scorer, begun: Mapping[str, Any]) -> Materials | None:
    """Return the materials that a story began with, as kept or gathered again; None where they are not to be had."""
    method, said = Method(begun["method"]), begun["materials"]
    use_case = use_case_of(place.use_case, champion, method)
    try:
        learnt, held_out = (
            _kept(use_case, place.settings.home, said[part]["fingerprint"]) for part in ("learnt", "held_out")
        )
        return Materials(
            replace(learnt, source=said["learnt"]["source"], generated=said["generated"]), held_out, said
        )
    except UnreadableInput:
        found = gather(place, champion, method, begun["now"], Since(**begun["since"]))
    if found.said != said:
        return None
    keep(found, place.settings.home)
    return found


def use_case_of(use_case: UseCase, champion: Scorer, method: Method) -> UseCase:
    """Return the use case as a retraining needs it: for a recalibration by the contract that the champion knows.

    Decisions are the population itself: its bad rate need not be put right.
    """
    found = replace(use_case, population_bad_rate=None)
    if method is Method.RETRAIN:
        return found
    return replace(found, contract=champion.contract, reasons=champion.reason_texts, known_after_decision=())


def _kept(use_case: UseCase, home: Path, fingerprint: str) -> Cases:
    cases = read_cases(use_case, home / "data" / f"{fingerprint}.parquet")
    if cases.fingerprint != fingerprint:
        raise UnreadableInput(f"{fingerprint}.parquet was changed since it was kept")
    return cases


def _said(divided: Divided, learnt: Cases, population: Mapping[str, Any], method: Method) -> dict[str, Any]:
    history = 0 if divided.history is None or method is Method.RECALIBRATE else divided.history.rows
    before = f"{history} cases that the champion learnt from, and " if history else ""
    return {
        "population": dict(population),
        "learnt": {**_about(learnt), "of_whom": f"{before}matured decisions: {divided.latest_of}"},
        "held_out": {**_about(divided.held_out), "of_whom": f"matured decisions: {divided.held_out_of}"},
        "new_to_the_champion": divided.latest.rows + divided.held_out.rows,
        "history": history,
        "note": divided.note,
        "judged_since": divided.judged_since,
        "judged_until": divided.judged_until,
        "generated": learnt.generated,
    }


def _about(cases: Cases) -> dict[str, Any]:
    return {
        "rows": cases.rows,
        "bad": int(cases.outcomes.sum()),
        "fingerprint": cases.fingerprint,
        "source": cases.source,
    }
