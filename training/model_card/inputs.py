"""Sections on what a decision rests on: inputs with their weight and reasons, leaks, and the choice of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.scoring.contract import Column, Role
from training.model_card.bar_plots import importance_plot, strongest
from training.model_card.document import (
    EMPTY,
    Block,
    Cell,
    Mark,
    Paragraph,
    Plot,
    Plots,
    Section,
    Table,
    entries,
    part,
)
from training.model_card.numerals import figure, money
from training.model_card.records import blocks_of, table_of
from training.model_card.subject import Subject

GRAVITY = {
    "serious": Mark("fail", "serious"),
    "warning": Mark("warn", "warning"),
    "information": Mark("off", "information"),
}


def inputs(subject: Subject) -> Section:
    """What moves the score, what is taken in, and the reasons that can be given."""
    importance = {
        name: float(value)
        for name, value in part(subject.evidence, "importance").items()
        if isinstance(value, (int, float))
    }
    contract, texts = subject.scorer.contract, subject.scorer.reason_texts
    rows = [
        (name, texts[name].code, texts[name].text, figure(importance[name]) if name in importance else EMPTY)
        for name in contract.inputs
    ]
    caption = "Inputs of the model, and the reason that is given where one of them weighs against a case"
    heads = ("Column", "Role", "Values", "Null", "What it is")
    blocks: list[Block] = [
        *([Plots([_plot(importance)])] if importance else []),
        Table(caption, ("Input", "Reason code", "Reason text", "Mean absolute contribution"), rows),
        Table(
            "Columns of the contract", heads, [_column(column) for column in contract.columns], folded=True
        ),
    ]
    return Section("inputs", "Inputs and reasons", blocks)


def checks(subject: Subject) -> Section | None:
    """What looked like a leak, and how inputs were selected."""
    evidence = subject.evidence
    features = part(evidence, "features")
    if "leakage" not in evidence and not features:
        return None
    blocks = _leaks(entries(evidence, "leakage")) if "leakage" in evidence else []
    return Section(
        "checks", "Leakage and selection of inputs", [*blocks, *blocks_of("Selection of inputs", features)]
    )


def _plot(importance: Mapping[str, float]) -> Plot:
    shown = strongest(importance)
    rest = (
        f" The strongest {len(shown)} of {len(importance)} are drawn." if len(shown) < len(importance) else ""
    )
    says = f"Mean absolute contribution to the log-odds of bad.{rest}"
    title = f"{shown[0][0]} moves the score most"
    return Plot(title, importance_plot(importance, f"{title}. {says}"), says)


def _leaks(found: list[Any]) -> list[Block]:
    if not found:
        return [Paragraph("Nothing was found that tells the outcome too well or for the wrong reason.")]
    if not all(isinstance(item, Mapping) and "text" in item for item in found):
        return table_of("Findings on leakage", found)
    rows = [(_gravity(item), str(item.get("column") or "all columns"), str(item["text"])) for item in found]
    caption = "What tells the outcome too well, or for the wrong reason"
    return [Table(caption, ("Gravity", "Column", "Finding"), rows)]


def _gravity(item: Mapping[str, Any]) -> Cell:
    return GRAVITY.get(str(item.get("severity")), str(item.get("severity", EMPTY)))


def _column(column: Column) -> tuple[str, str, str, str, str]:
    role = "protected, no input" if column.role is Role.PROTECTED else str(column.role)
    null = "allowed" if column.accepts_null else "refused"
    return column.name, role, _values(column), null, column.description or EMPTY


def _values(column: Column) -> str:
    if column.levels:
        return ", ".join(map(str, column.levels))
    low, high = (EMPTY if end is None else money(end) for end in (column.minimum, column.maximum))
    bounds = "" if low == high == EMPTY else f", {low} to {high}"
    unit = f", {column.unit}" if column.unit else ""
    return f"{column.type}{bounds}{unit}"
