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
TREATMENT: dict[str, tuple[str, Render]] = {
    "approval_rate": ("Approved", share),
    "approval_ratio": ("Approval ratio", figure),
    "tpr": ("Bad not approved", share),
    "tpr_gap": ("its gap", share),
    "fpr": ("Good not approved", share),
    "fpr_gap": ("its gap", share),
}
CALIBRATION: dict[str, tuple[str, Render]] = {
    "bad_rate": ("Bad rate", share),
    "mean_probability": ("Mean P(bad)", share),
    "calibration_ratio": ("Bad rate over P(bad)", figure),
    "calibration_gap": ("Bad rate minus P(bad)", share),
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
    for name, item in attributes.items():
        blocks += _attribute(str(name), item)
    return [
        *blocks,
        *_definitions(found),
        *_proxies(part(found, "proxies") or part(subject.evidence, "proxies")),
    ]


def _plot(rates: list[GroupRate], overall: float | None) -> Plot:
    title = "Approval rate by group"
    says = "The share that is approved in each group, with its 95 % interval and number of cases."
    return Plot(title, groups_plot(rates, overall, f"{title}. {says}"), says)


def _attribute(name: str, found: Mapping[str, Any]) -> list[Block]:
    return [
        _table(f"{name}: decisions by group, with 95 % intervals", found, TREATMENT),
        _table(f"{name}: probabilities by group, with 95 % intervals", found, CALIBRATION),
    ]


def _table(caption: str, found: Mapping[str, Any], figures: Mapping[str, tuple[str, Render]]) -> Table:
    rows = [
        (
            _label(group, found),
            count(group.get("rows")),
            *(_figure(group, key, figures[key][1]) for key in figures),
        )
        for group in entries(found, "groups")
        if isinstance(group, Mapping)
    ]
    return Table(caption, ("Group", "Cases", *(title for title, _ in figures.values())), rows)


def _label(group: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    name = str(group.get("group"))
    if not part(group, "figures"):
        return f"{name} (too few cases)"
    return f"{name} (reference)" if name == found.get("reference") else name


def _figure(group: Mapping[str, Any], key: str, render: Render) -> Cell:
    found = part(group, "figures").get(key)
    if not isinstance(found, Mapping):
        return EMPTY if found is None else render(found)
    return estimate(
        render(found.get("value")), interval(found["interval"], render) if found.get("interval") else None
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
