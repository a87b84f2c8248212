"""The section on the policy: from which probability on what is decided, why there, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.scoring.policy import DECISIONS
from training.model_card.document import (
    Block,
    Cell,
    Facts,
    Paragraph,
    Plot,
    Plots,
    Section,
    Table,
    entries,
    part,
)
from training.model_card.numerals import money, share
from training.model_card.probability_plots import cost_plot
from training.model_card.subject import JUDGEMENT_NAMES, Subject

COSTS = {
    "false_approve": "Cost of approving a bad case",
    "false_decline": "Cost of declining a good case",
    "review": "Cost of a review",
}
RATES = dict(zip(map(str, DECISIONS), ("approval_rate", "refer_rate", "decline_rate"), strict=True))


def policy(subject: Subject) -> Section:
    """The cut-offs of the bundle's own policy, the costs that they follow from, and the mix of decisions."""
    found, costs = subject.scorer.policy, part(subject.evidence, "costs")
    facts: list[tuple[str, Cell]] = [
        ("Policy", found.version),
        ("Refer from P(bad)", share(found.refer_from)),
        ("Decline from P(bad)", share(found.decline_from)),
        *((title, _cost(costs, key)) for key, title in COSTS.items()),
    ]
    rule = "A probability equal to a cut-off takes the stricter side. A right decision costs nothing."
    blocks: list[Block] = [Facts(facts), Paragraph(rule), *_other(subject), *_mix(subject)]
    if plot := _cost_plot(subject):
        blocks.append(Plots([plot]))
    return Section("policy", "Decision policy", blocks)


def _other(subject: Subject) -> list[Block]:
    in_use = subject.promotion.get("policy", subject.scorer.policy.version)
    if in_use == subject.scorer.policy.version:
        return []
    text = (
        f"Decisions are made by another policy, {in_use}, by the promotion record. Cut-offs, mix and costs on this "
        "card are those of the bundle's own policy."
    )
    return [Paragraph(text)]


def _cost(costs: Mapping[str, Any], key: str) -> str:
    if key in costs and costs[key] is None:
        return "no reviews"
    return money(costs.get(key), str(costs.get("currency", "")))


def _mix(subject: Subject) -> list[Block]:
    metrics = {name: part(judgement, "metrics") for name, judgement in subject.judgements.items()}
    if not any(key in item for item in metrics.values() for key in RATES.values()):
        return []
    rows = [
        (decision, *(share(item.get(key)) for item in metrics.values())) for decision, key in RATES.items()
    ]
    return [Table("Mix of decisions", ("Decision", *(JUDGEMENT_NAMES[name] for name in metrics)), rows)]


def _cost_plot(subject: Subject) -> Plot | None:
    for name, judgement in subject.judgements.items():
        points = entries(judgement, "curves", "cost_by_cut_off")
        if points:
            return _plot_of(subject, name, points)
    return None


def _plot_of(subject: Subject, name: str, points: list[list[float]]) -> Plot:
    metrics = part(subject.judgements[name], "metrics")
    cut_off, least = min(points, key=lambda point: (point[1], point[0]))
    of_policy = metrics.get("cost_per_case")
    title = "Cost per case against the cut-off"
    says = (
        f"{JUDGEMENT_NAMES[name]}. With one cut-off and no review the least is {money(least, subject.currency)} at "
        f"{share(cut_off)}; approving everybody costs {money(points[-1][1])}, the policy {money(of_policy)}."
    )
    label, rate = f"{title}. {says}", metrics.get("bad_rate", 0.5)
    return Plot(title, cost_plot(points, subject.scorer.policy, of_policy, rate, label), says)
