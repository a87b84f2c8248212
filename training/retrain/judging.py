"""Challenger and champion judged on the same latest matured cases: the rule of promotion, and the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from service.scoring.arithmetic import FloatArray
from service.scoring.scorer import Scorer
from service.scoring.validation import TableInvalid
from training.comparison import Comparison
from training.data import Cases
from training.gates import Status, relative_gates
from training.intervals import mean_with_interval
from training.latency import decision_microseconds
from training.retrain.ending import End
from training.retrain.rule import Side, Verdict, both_differences, verdict
from training.use_case import Objective, Requirements

HOW = "both bundles, on the latest matured cases, which neither has seen"
TIMED_RECORDS = 40


@dataclass(frozen=True)
class Judgement:
    """What was found: the verdict of the rule, None where the two cannot be compared, and every gate's result."""

    verdict: Verdict | None
    gates: Sequence[Mapping[str, Any]]

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
        """Promoted only if the rule says so and no gate says no."""
        if self.verdict is not None and not self.verdict.promotes:
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
    """Compare two bundles, each with the policy that it comes with, and ask the gates; `level` is the rule's."""
    theirs = _scores(champion, held_out)
    usable = ~np.isnan(theirs)
    found = comparison = None
    if len(np.unique(held_out.outcomes[usable])) > 1:
        outcomes, use_case = held_out.outcomes[usable], held_out.use_case
        ours = challenger.score_matrix(held_out.matrix[usable])
        sides = Side(ours, challenger.policy), Side(theirs[usable], champion.policy)
        found = verdict(outcomes, *sides, use_case.costs, use_case.objective, level)
        differences = both_differences(*sides, use_case.costs)
        cost, loss = (
            mean_with_interval(differences[name].observed(outcomes))
            for name in (Objective.COST, Objective.LOG_LOSS)
        )
        comparison = Comparison(champion.tag, len(outcomes), HOW, *cost, *loss).to_json()
    relative = relative_gates(
        Requirements(**challenger.evidence["requirements"]),
        comparison,
        decision_microseconds(challenger, _records(held_out)),
        champion.tag,
        held_out.use_case.costs.currency,
    )
    against = {"G-CHAMPION-COST", "G-CHAMPION-LOSS"}
    said = [
        {**gate.to_json(), "against": champion.tag} if gate.code in against else gate.to_json()
        for gate in relative
    ]
    return Judgement(found, [*challenger.evidence["gates"], *said])


def _scores(champion: Scorer, cases: Cases) -> FloatArray:
    """Return the champion's P(bad) (rows,), NaN where its own contract cannot take the case."""
    known = [column.name for column in champion.contract.columns if column.name in cases.table.column_names]
    with suppress(TableInvalid, pa.ArrowException):
        return champion.score_table(cases.table.select(known)).probabilities
    return np.full(cases.rows, np.nan)


def _records(cases: Cases) -> list[Mapping[str, Any]]:
    names = [column.name for column in cases.use_case.contract.columns]
    return list(cases.table.slice(0, TIMED_RECORDS).select(names).to_pylist())
