"""The gate on documentation: everything that only people know has been written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.scoring.contract import Column, Contract
from service.scoring.reasons import ReasonText
from training.gates.result import GATES, GateResult

PARTS = ("purpose", "stakeholders", "success", "limits")
SHOWN = 5


def documents_gate(
    evidence: Mapping[str, Any], contract: Contract, reasons: Mapping[str, ReasonText]
) -> GateResult:
    """Judge that the card's texts are filled, every column is described and every input has a reason text."""
    missing = [*_missing_texts(evidence), *_missing_in(contract), *_missing_reasons(contract, reasons)]
    more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
    return GATES["G-DOCUMENTS"].judge(
        not missing,
        f"missing: {', '.join(missing[:SHOWN])}{more}" if missing else "nothing is missing",
        "purpose, stakeholders, success and limits; a description of every column and the outcome, units; reasons",
        note="declare them in the use case's file" if missing else "",
    )


def _missing_texts(evidence: Mapping[str, Any]) -> list[str]:
    about = evidence.get("about") or {}
    return [f"about.{part}" for part in PARTS if not about.get(part)]


def _missing_in(contract: Contract) -> Iterator[str]:
    if not contract.description:
        yield "description of the use case"
    for column in contract.columns:
        if not column.description:
            yield f"description of {column.name}"
        if column.is_numeric and not column.unit and not _is_fraction(column):
            yield f"unit of {column.name}"


def _is_fraction(column: Column) -> bool:
    return (column.minimum, column.maximum) == (0, 1)


def _missing_reasons(contract: Contract, reasons: Mapping[str, ReasonText]) -> list[str]:
    return [f"reason of {name}" for name in contract.inputs if name not in reasons or not reasons[name].text]
