"""Decisions by the online door's own functions, at moments of the simulation's choice, in a real decision log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.decision_log import DecisionLog, LogDown, Prepared, open_log, prepare
from service.decision_log.outcomes import MOST_OUTCOMES
from service.decision_log.statements import Teller, iso
from service.decision_log.telling import answer_outcomes
from service.errors import AvalError
from service.online.answers import Asked, decide
from service.scoring.contract import Contract
from service.scoring.scorer import Scorer
from training.simulation.door import KEY_ID, Answer, Happened, answer_of
from training.simulation.population import Numbers

# Of one commit; more would not make it cheaper, and the log refuses ten thousand at once.
AT_ONCE = 2_000
# What a writer's `about` says of a simulation's; how its decisions are told from real ones.
MARK = "simulation"


class LogDoor:
    """Decides with a scorer and writes to a log that has been started."""

    def __init__(self, log: DecisionLog, scorer: Scorer, request_id: str) -> None:
        self._log, self._scorer, self._request_id = log, scorer, request_id

    async def decide(self, records: Sequence[Mapping[str, Any]], at: Numbers) -> list[Answer]:
        """Decide each record as /predict does; raises `AvalError` where the log takes nothing."""
        answers: list[Answer] = []
        entries: list[Prepared] = []
        for record, moment in zip(records, at.tolist(), strict=True):
            asked = Asked(self._request_id, KEY_ID, "en", moment)
            answered = decide(self._scorer, json.dumps(record).encode(), asked)
            entries += [prepare(entry) for entry in answered.entries]
            answers.append(answer_of(answered.body))
        for start in range(0, len(entries), AT_ONCE):
            try:
                await self._log.append_prepared(entries[start : start + AT_ONCE])
            except LogDown as error:
                raise AvalError(f"{error}; the simulation stopped") from None
        return answers

    async def tell(self, happened: Sequence[Happened], at: int) -> None:
        """Tell outcomes as /outcomes does; raises `AvalError` for one that is not taken."""
        contract, teller = self._scorer.contract, Teller(at, KEY_ID, self._request_id)
        for start in range(0, len(happened), MOST_OUTCOMES):
            body = outcomes_body(contract, happened[start : start + MOST_OUTCOMES])
            try:
                answered = await answer_outcomes(self._log, contract, body, teller)
            except LogDown as error:
                raise AvalError(f"{error}; the simulation stopped") from None
            expect_taken(answered)


def outcomes_body(contract: Contract, happened: Sequence[Happened]) -> dict[str, Any]:
    """Return the body that tells outcomes, in the contract's own coding."""
    good, bad = contract.outcome.good[0], contract.outcome.bad[0]
    told = [
        {
            "decision_id": item.decision_id,
            "outcome": bad if item.bad else good,
            "observed_at": iso(item.observed_at),
            "source": KEY_ID,
        }
        for item in happened
    ]
    return {"outcomes": told}


def expect_taken(answered: Mapping[str, Any]) -> None:
    """Raise `AvalError` for an outcome that was not taken."""
    for result in answered["results"]:
        if "detail" in result:
            raise AvalError(f"an outcome was not taken: {result['detail']}")


@contextmanager
def log_door(address: str, spool: Path, scorer: Scorer, name: str) -> Iterator[LogDoor]:
    """Open a log as a writer that says that it simulates; raises `AvalError` where it cannot be written."""
    about = {MARK: name, "model": scorer.tag}
    log = open_log(address, spool=spool, when_down="closed", about=about)
    log.start()
    try:
        if not log.is_up:
            raise AvalError(log.trouble or "the decision log cannot be written")
        yield LogDoor(log, scorer, f"{MARK}-{name}"[:64])
    finally:
        log.close()
