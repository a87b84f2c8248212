"""The section on calibration: whether probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.model_card.calibration_tables import report_blocks
from training.model_card.document import (
    Block,
    Cell,
    Facts,
    Plot,
    Plots,
    Section,
    Table,
    entries,
    part,
)
from training.model_card.numerals import count, figure, interval, share
from training.model_card.probability_plots import reliability_plot
from training.model_card.records import sentence, text_of
from training.model_card.subject import JUDGEMENT_NAMES, Subject

METHODS = {
    "none": "none: raw scores are taken as they are",
    "platt": "Platt scaling of the log-odds",
    "temperature": "temperature: the log-odds times a constant",
    "beta": "beta calibration",
    "isotonic": "isotonic, smoothed",
}


def calibration(subject: Subject) -> Section:
    """How raw scores become probabilities, and how far these are from what happened."""
    shipped = subject.scorer.calibrator.to_json()
    method = str(shipped["method"])
    facts: list[tuple[str, Cell]] = [("Calibrator of the bundle", METHODS.get(method, method))]
    if method != "none":
        facts += [
            (sentence(name), text_of(value)) for name, value in shipped.items() if isinstance(value, float)
        ]
    blocks: list[Block] = [
        Facts(facts),
        *_tried(entries(subject.evidence, "shipped", "calibrators", "tried")),
    ]
    if plots := [plot for name in subject.judgements if (plot := _reliability(subject, name))]:
        blocks.append(Plots(plots))
    for name, judgement in subject.judgements.items():
        blocks += _bins(name, entries(judgement, "curves", "reliability"))
    reports = {name: part(judgement, "calibration") for name, judgement in subject.judgements.items()}
    return Section("calibration", "Calibration", [*blocks, *report_blocks(reports)])


def _tried(tried: Sequence[Mapping[str, Any]]) -> list[Block]:
    rows = [
        (
            METHODS.get(str(item["method"]), str(item["method"])),
            figure(item.get("log_loss")),
            figure(item.get("gain")),
            figure(item.get("standard_error")),
            "yes" if item.get("helps") else "no",
        )
        for item in tried
    ]
    columns = ("Calibrator", "Log loss, out of fold", "Gain over none", "Standard error", "Helps")
    return [Table("Calibrators that were tried", columns, rows)] if rows else []


def _reliability(subject: Subject, name: str) -> Plot | None:
    judgement = subject.judgements[name]
    bins = entries(judgement, "curves", "reliability")
    if not bins:
        return None
    title = f"Reliability. {JUDGEMENT_NAMES[name]}"
    within = sum(item["low"] <= item["mean_probability"] <= item["high"] for item in bins)
    says = (
        f"Bins of equal count. In {within} of {len(bins)} the interval of the bad rate holds the mean P(bad)."
    )
    rate = part(judgement, "metrics").get("bad_rate", 0.5)
    return Plot(title, reliability_plot(bins, rate, f"{title}. {says}"), says)


def _bins(name: str, bins: Sequence[Mapping[str, Any]]) -> list[Block]:
    rows = [
        (
            str(number),
            count(item.get("rows")),
            share(item.get("mean_probability")),
            share(item.get("bad_rate")),
            interval([item.get("low"), item.get("high")], share),
        )
        for number, item in enumerate(bins, start=1)
    ]
    columns = ("Bin", "Cases", "Mean P(bad)", "Bad rate", "95 % interval")
    return [Table(f"Reliability by bin. {JUDGEMENT_NAMES[name]}", columns, rows, folded=True)] if rows else []
