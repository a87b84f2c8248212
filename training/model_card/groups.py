"""The section on fairness: how the groups of protected attributes fare, and what gives the attributes away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.model_card.bar_plots import GroupRate, groups_plot
from training.model_card.document import (
    EMPTY,
    Block,
    Cell,
    Paragraph,
    Plot,
    Plots,
    Section,
    Table,
    entries,
    estimate,
    part,
)
from training.model_card.numerals import NOT_RECORDED, Render, count, figure, interval, share
from training.model_card.records import sentence
from training.model_card.subject import Subject

PROFILES = {
    "eu": "the profile of the European Union",
    "us": "the profile of the United States",
    "fraud": "the profile for fraud",
}
FIGURES: dict[str, tuple[str, Render]] = {
    "bad_rate": ("Bad rate", share),
    "approval_rate": ("Approved", share),
    "approval_ratio": ("Approval ratio", figure),
    "tpr": ("Bad not approved", share),
    "fpr": ("Good not approved", share),
    "tpr_gap": ("Gap of the bad", share),
    "fpr_gap": ("Gap of the good", share),
    "calibration_ratio": ("Bad rate over P(bad)", figure),
    "roc_auc": ("ROC AUC", figure),
}


def fairness(subject: Subject) -> Section:
    """Figures by group with intervals, the definitions they follow, and proxies."""
    return Section("fairness", "Fairness", _blocks(subject))


def _blocks(subject: Subject) -> list[Block]:
    found = part(subject.evidence, "fairness")
    attributes = part(found, "attributes")
    if not found:
        return [Paragraph(f"Fairness: {NOT_RECORDED}.")]
    if not attributes:
        return [Paragraph("No protected attribute is known, so that no groups can be compared.")]
    profile = PROFILES.get(str(subject.evidence.get("fairness_profile", "")))
    rule = (
        f"{profile} decides which of these figures are gates"
        if profile
        else "none of these figures is a gate"
    )
    blocks: list[Block] = [Paragraph(f"Protected attributes are no input of the model; {rule}.")]
    if rates := _rates(attributes):
        blocks.append(Plots([_plot(rates, _overall(subject, attributes))]))
    blocks += [_attribute(str(name), item) for name, item in attributes.items()]
    return [
        *blocks,
        *_definitions(found),
        *_proxies(part(found, "proxies") or part(subject.evidence, "proxies")),
    ]


def _plot(rates: list[GroupRate], overall: float | None) -> Plot:
    title = "Approval rate by group"
    says = "The share that is approved in each group, with its 95 % interval and number of cases."
    return Plot(title, groups_plot(rates, overall, f"{title}. {says}"), says)


def _attribute(name: str, found: Mapping[str, Any]) -> Table:
    groups = [item for item in entries(found, "groups") if isinstance(item, Mapping)]
    shown = [key for key in FIGURES if any(part(group, "figures", key) for group in groups)]
    rows = []
    for group in groups:
        label = str(group.get("group"))
        if label == found.get("reference"):
            label += " (reference)"
        cells = [_figure(group, key) for key in shown]
        if shown and not part(group, "figures"):
            cells[0] = "too few cases"
        rows.append((label, count(group.get("rows")), *cells))
    columns = ("Group", "Cases", *(FIGURES[key][0] for key in shown))
    return Table(f"{name}: figures by group, with 95 % intervals", columns, rows)


def _figure(group: Mapping[str, Any], key: str) -> Cell:
    found, render = part(group, "figures", key), FIGURES[key][1]
    if "value" not in found:
        return EMPTY
    return estimate(
        render(found["value"]), interval(found["interval"], render) if found.get("interval") else None
    )


def _rates(attributes: Mapping[str, Any]) -> list[GroupRate]:
    rates = []
    for name, found in attributes.items():
        for group in entries(found, "groups"):
            if rate := part(group, "figures", "approval_rate"):
                low, high = rate.get("interval") or (rate["value"], rate["value"])
                rates.append(
                    GroupRate(str(name), str(group["group"]), group["rows"], rate["value"], low, high)
                )
    return rates


def _overall(subject: Subject, attributes: Mapping[str, Any]) -> float | None:
    """Return the approval rate of the rows that were grouped, None where no judgement is of just these."""
    grouped = [sum(group["rows"] for group in entries(item, "groups")) for item in attributes.values()]
    for judgement in subject.judgements.values():
        metrics = part(judgement, "metrics")
        if metrics.get("rows") in grouped:
            return metrics.get("approval_rate")
    return None


def _definitions(found: Mapping[str, Any]) -> list[Block]:
    rows = [(sentence(key), str(text)) for key, text in part(found, "definitions").items()]
    return [Table("What the figures mean", ("Figure", "Meaning"), rows, folded=True)] if rows else []


def _proxies(found: Mapping[str, Any]) -> list[Block]:
    rows = [
        (str(name), figure(item["roc_auc"]) if item.get("roc_auc") is not None else EMPTY, _strongest(item))
        for name, item in part(found, "attributes").items()
        if isinstance(item, Mapping)
    ]
    caption = "Proxies: how well the inputs predict the attribute (ROC AUC; 0.5 is not at all)"
    return (
        [Table(caption, ("Attribute", "All inputs together", "Strongest inputs alone"), rows)] if rows else []
    )


def _strongest(item: Mapping[str, Any]) -> str:
    named = [f"{one.get('input')} ({figure(one.get('roc_auc'))})" for one in entries(item, "strongest")]
    return ", ".join(named) or EMPTY
