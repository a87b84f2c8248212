"""How a simulation asks for decisions and tells outcomes: the same questions, of the functions or over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from training.simulation.population import Numbers

KEY_ID = "simulation"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a record was answered; without an id it was refused."""

    decision_id: str
    decision: str
    probability: float
    model: str


REFUSED = Answer("", "refused", 0.0, "")


@dataclass(frozen=True, slots=True)
class Happened:
    """What became of a decision, and when that is seen: microseconds since 1970."""

    decision_id: str
    bad: bool
    observed_at: int


class Door(Protocol):
    """Where decisions are asked for."""

    async def decide(self, records: Sequence[Mapping[str, Any]], at: Numbers) -> list[Answer]:
        """Return an answer for each record, in order; they are logged by then. at (rows,): when each was asked."""

    async def tell(self, happened: Sequence[Happened], at: int) -> None:
        """Tell what became of decisions; at: when it is told."""


def answer_of(body: Mapping[str, Any]) -> Answer:
    """Return what the body of an answer says."""
    if "decision_id" not in body:
        return REFUSED
    return Answer(body["decision_id"], body["decision"], body["probability"], body["model"])
