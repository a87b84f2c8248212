"""The top of a card: what the model decides, how well, whether it may, and what a reader must not miss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.model_card.document import Mark, entries, part
from training.model_card.numerals import count, figure, interval, money, share
from training.model_card.subject import JUDGEMENT_NAMES, Subject

WARNING = Mark("warn", "Warning")
GENERATED = "The data were generated: no figure on this card says anything about real cases."


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure of the summary, with its interval."""

    name: str
    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class Head:
    """The summary of a card."""

    title: str
    tag: str
    description: str
    decides: str
    verdict: Mark
    verdict_text: str
    warnings: Sequence[str]
    figures_of: str
    headlines: Sequence[Headline]
    warning_mark: Mark = WARNING


def head(subject: Subject) -> Head:
    """Return the summary; figures are of untouched rows where there are any."""
    contract = subject.scorer.contract
    verdict, verdict_text = _verdict(subject)
    figures_of, headlines = _headlines(subject)
    return Head(
        title=contract.title,
        tag=subject.scorer.tag,
        description=contract.description,
        decides=_decides(subject),
        verdict=verdict,
        verdict_text=verdict_text,
        warnings=_warnings(subject),
        figures_of=figures_of,
        headlines=headlines,
    )


def _decides(subject: Subject) -> str:
    policy, outcome = subject.scorer.policy, subject.scorer.contract.outcome
    bad = " or ".join(str(level) for level in outcome.bad)
    start = f"The model gives P(bad), the probability that {outcome.name} is {bad}, and approves below"
    if policy.refer_from == policy.decline_from:
        return (
            f"{start} {share(policy.refer_from)}. From there on it declines; nothing is referred to a person."
        )
    return (
        f"{start} {share(policy.refer_from)}. From there on it refers to a person, "
        f"and from {share(policy.decline_from)} on it declines."
    )


def _verdict(subject: Subject) -> tuple[Mark, str]:
    gates = [gate for gate in entries(subject.evidence, "gates") if isinstance(gate, Mapping)]
    if not gates:
        return Mark("off", "Gates not recorded"), "The bundle holds no results of gates."
    failed = [gate for gate in gates if gate.get("status") == "fail"]
    blocking = [gate for gate in failed if gate.get("severity") != "warns"]
    passed = sum(gate.get("status") == "pass" for gate in gates)
    rest = len(gates) - passed - len(failed)
    counts = f"{passed} of {len(gates)} passed, {len(failed)} failed, {rest} not applicable"
    named = ", ".join(str(gate.get("title", gate.get("code"))) for gate in blocking or failed)
    if blocking:
        return Mark("fail", "Gates failed"), f"{counts}. Blocking: {named}."
    if failed:
        return Mark("warn", "Gates passed with warnings"), f"{counts}. Warning: {named}."
    return Mark("pass", "Gates passed"), f"{counts}."


def _warnings(subject: Subject) -> list[str]:
    policy = subject.scorer.policy.version
    found = [str(item) for item in entries(subject.evidence, "warnings")]
    if part(subject.evidence, "data").get("generated") and not any("generated" in item for item in found):
        found.insert(0, GENERATED)
    override = part(subject.promotion, "override")
    if override:
        by, because = override.get("by", "somebody"), override.get("because", "no reason given")
        found.append(f"Promoted in spite of a failed gate, on the word of {by}: {because}")
    if (in_use := subject.promotion.get("policy", policy)) != policy:
        found.append(f"Decisions are made by another policy, {in_use}; this card describes the bundle's own.")
    return found


def _headlines(subject: Subject) -> tuple[str, list[Headline]]:
    currency = f" ({subject.currency})" if subject.currency else ""
    shown: dict[str, tuple[str, Callable[[Any], str]]] = {
        "roc_auc": ("ROC AUC", figure),
        "pr_auc": ("PR AUC", figure),
        "brier": ("Brier score", figure),
        "ece": ("Calibration error (ECE)", figure),
        "cost_per_case": (f"Cost per case{currency}", money),
        "approval_rate": ("Approved", share),
    }
    for name, judgement in subject.judgements.items():
        metrics, intervals = part(judgement, "metrics"), part(judgement, "intervals")
        lines = [
            Headline(title, render(metrics[key]), _ends(key, intervals))
            for key, (title, render) in shown.items()
            if key in metrics
        ]
        if lines:
            return f"{JUDGEMENT_NAMES[name]}: {count(metrics.get('rows'))} cases", lines
    return "", []


def _ends(key: str, intervals: Mapping[str, Any]) -> str:
    render: Callable[[Any], str] = {"approval_rate": share, "cost_per_case": money}.get(key, figure)
    return interval(intervals[key], render) if key in intervals else ""
