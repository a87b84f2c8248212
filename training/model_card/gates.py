"""The section on gates: what the model had to reach, and whether it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.model_card.document import EMPTY, Cell, Mark, Paragraph, Section, Table, entries, estimate
from training.model_card.numerals import NOT_RECORDED, interval
from training.model_card.records import text_of
from training.model_card.subject import Subject

STATUSES = {
    "pass": Mark("pass", "pass"),
    "fail": Mark("fail", "fail"),
    "not_applicable": Mark("off", "not applicable"),
}
BY_ITSELF = (
    "A gate that does not apply is no pass. These gates need the bundle alone; how it compares with the champion, and "
    "how fast it answers, is judged when it is promoted."
)


def gates(subject: Subject) -> Section:
    """What the model had to reach by itself."""
    results = [item for item in entries(subject.evidence, "gates") if isinstance(item, Mapping)]
    if not results:
        return Section("gates", "Gates", [Paragraph(f"Results of gates: {NOT_RECORDED}.")])
    return Section("gates", "Gates", [Paragraph(BY_ITSELF), gate_table("Gates by the bundle alone", results)])


def gate_table(caption: str, results: Sequence[Mapping[str, Any]]) -> Table:
    """Return the results of gates as a table; a failed one that only warns says so."""
    columns = ("Gate", "Title", "Result", "Observed, 95 % interval", "Required", "If failed", "Note")
    rows = [
        (
            str(item.get("code", EMPTY)),
            str(item.get("title", EMPTY)),
            _status(item),
            estimate(
                text_of(item.get("observed")), interval(item["interval"]) if item.get("interval") else None
            ),
            str(item.get("required", EMPTY)),
            str(item.get("severity", EMPTY)),
            str(item.get("note") or EMPTY),
        )
        for item in results
    ]
    return Table(caption, columns, rows)


def _status(item: Mapping[str, Any]) -> Cell:
    if item.get("status") == "fail" and item.get("severity") == "warns":
        return Mark("warn", "fail, only warns")
    return STATUSES.get(str(item.get("status")), Mark("off", str(item.get("status", NOT_RECORDED))))
