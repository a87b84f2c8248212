"""Challenger and champion judged on the same latest matured cases: the rule of promotion, and the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.scoring.scorer import Scorer
from training.data import Cases
from training.gates import Status, relative_gates
from training.latency import decision_microseconds
from training.retrain.compared import compare, too_few_scored
from training.retrain.ending import End
from training.retrain.rule import Verdict
from training.use_case import Requirements

TIMED_RECORDS = 40
# These name whom they compared with, so that they hold against nobody else.
AGAINST_CHAMPION = ("G-CHAMPION-COST", "G-CHAMPION-LOSS")


@dataclass(frozen=True)
class Judgement:
    """What was found: the verdict of the rule, None where `uncompared` says why there is none; and what gates say."""

    verdict: Verdict | None
    gates: Sequence[Mapping[str, Any]]
    uncompared: str = ""

    @property
    def failed(self) -> list[str]:
        """Codes of the gates that say no."""
        return [
            str(gate["code"])
            for gate in self.gates
            if (gate["severity"], gate["status"]) == ("blocks", str(Status.FAIL))
        ]

    @property
    def end(self) -> End:
        """Promoted only if the rule says so and no gate says no; without a comparison never."""
        if self.verdict is None:
            return End.REFUSED
        if not self.verdict.promotes:
            return End.KEPT
        return End.REFUSED if self.failed else End.PROMOTED

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "end": str(self.end),
            "verdict": None if self.verdict is None else self.verdict.to_json(),
            "failed": self.failed,
            "gates": [dict(gate) for gate in self.gates],
        }


def judge_challenger(challenger: Scorer, champion: Scorer, held_out: Cases, level: float) -> Judgement:
    """Compare two bundles, both with the policy in use (the champion's), and ask the gates; `level` is the rule's."""
    found = compare(challenger, champion, held_out, level)
    relative = relative_gates(
        Requirements(**challenger.evidence["requirements"]),
        None if found is None else found.comparison.to_json(),
        decision_microseconds(challenger, _records(held_out)),
        champion.tag,
        held_out.use_case.costs.currency,
    )
    said = [gate.to_json() for gate in relative]
    against = [
        {**gate, "against": champion.tag} if gate["code"] in AGAINST_CHAMPION else gate for gate in said
    ]
    gates = [*challenger.evidence["gates"], *against]
    if found is None:
        return Judgement(None, gates, too_few_scored(champion, held_out))
    return Judgement(found.verdict, gates)


def _records(cases: Cases) -> list[Mapping[str, Any]]:
    names = [column.name for column in cases.use_case.contract.columns]
    return list(cases.table.slice(0, TIMED_RECORDS).select(names).to_pylist())
