"""What `aval promote`, `rollback` and `history` print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from service.model_store import Champion
from training.console import OUT, say

STATUS = {"pass": "pass", "fail": "FAIL", "not_applicable": "n/a"}


def say_gates(gates: Sequence[Mapping[str, Any]]) -> None:
    """Print what each gate wanted and saw, and below them what there is to say of those that did not pass."""
    if not gates:
        return
    table = Table("code", "gate", "", "observed", "required", box=SIMPLE)
    for gate in gates:
        cells = (gate["code"], gate["title"], _status(gate), str(gate["observed"]), gate["required"])
        table.add_row(*map(escape, cells))
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    OUT.print(table)
    for gate in gates:
        if gate["status"] == "fail" and gate["note"]:
            say(f"{gate['code']}: {gate['note']}")


def say_history(champions: Sequence[Champion]) -> None:
    """Print the champions of a use case, the present one last."""
    table = Table("", "when", "who", "what", "model", "version", "policy", "why", box=SIMPLE)
    for champion in champions:
        table.add_row(
            str(champion.change),
            champion.promoted_at[:16].replace("T", " "),
            escape(champion.promoted_by),
            str(champion.action),
            champion.model.partition(":")[2],
            champion.registry_version,
            escape(champion.policy or "its own"),
            escape(_why(champion)),
        )
    for column in table.columns[:6]:
        column.no_wrap = True
    OUT.print(table)
    say(f"champion now: {champions[-1].model}")


def _status(gate: Mapping[str, Any]) -> str:
    word = STATUS.get(gate["status"], str(gate["status"]))
    return "warns" if gate["status"] == "fail" and gate["severity"] != "blocks" else word


def _why(champion: Champion) -> str:
    override = champion.override
    overridden = f"[override by {override.by}: {override.because}]" if override else ""
    return " ".join(part for part in (champion.why, overridden) if part) or "-"
