"""The section on how well a model ranks and decides: figures with intervals, curves and the table of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.scoring.policy import DECISIONS, Policy
from training.model_card.document import EMPTY, Block, Paragraph, Plot, Plots, Section, Table, part
from training.model_card.numerals import Render, count, figure, interval, money, share
from training.model_card.ranking_plots import cumulative_plot, precision_recall_plot, roc_plot, score_plot
from training.model_card.records import blocks_of
from training.model_card.subject import JUDGEMENT_NAMES, Subject

Curves = Mapping[str, Mapping[str, Any]]
# Title, how it is written, and what it says.
FIGURES: dict[str, tuple[str, Render, str]] = {
    "rows": ("Cases", count, ""),
    "bad_rate": ("Bad rate", share, ""),
    "roc_auc": ("ROC AUC", figure, "chance that a bad case scores above a good one; 0.5 is chance"),
    "gini": ("Gini", figure, "twice the ROC AUC, minus 1"),
    "pr_auc": ("PR AUC", figure, "average precision; the bad rate is chance"),
    "ks": ("KS", figure, "largest distance between the cumulative shares of bad and good"),
    "brier": ("Brier score", figure, "mean squared error of P(bad); lower is better"),
    "log_loss": ("Log loss", figure, "in nats; lower is better"),
    "ece": ("ECE", figure, "mean gap of P(bad) and bad rate over ten bins of equal count"),
    "cost_per_case": ("Cost per case", money, "of the policy's decisions, reviews included"),
    "approval_rate": ("Approved", share, ""),
    "refer_rate": ("Referred", share, ""),
    "decline_rate": ("Declined", share, ""),
    "accuracy": ("Accuracy", share, "a decline counts as calling a case bad, here and below"),
    "precision": ("Precision", share, "bad among the declined"),
    "recall": ("Recall", share, "declined among the bad"),
    "f1": ("F1", figure, "harmonic mean of precision and recall"),
}


def performance(subject: Subject) -> Section | None:
    """Figures of both judgements with intervals, and their curves."""
    judgements = subject.judgements
    if not judgements:
        return None
    blocks: list[Block] = [
        Paragraph(
            "Two sets of figures, of two fits. The procedure was judged on rows that nothing saw, scored by a fit on "
            "the other rows. The bundle that ships is fitted on all rows with the same parameters; its figures are "
            "out of fold: each row was scored by a fit that did not see it."
        )
    ]
    blocks += [
        Paragraph(f"{JUDGEMENT_NAMES[name]}: {judgement['population']}.", remark=True)
        for name, judgement in judgements.items()
        if judgement.get("population")
    ]
    blocks.append(_figures(judgements, subject.currency))
    plots = _plots(subject)
    if plots:
        blocks.append(Plots(plots))
    blocks += _decision_tables(judgements)
    blocks += blocks_of("Stability of the scores", part(subject.evidence, "stability"))
    return Section("performance", "Performance", blocks)


def _figures(judgements: Mapping[str, Mapping[str, Any]], currency: str) -> Table:
    recorded = {key for judgement in judgements.values() for key in part(judgement, "metrics")}
    known = [key for key in FIGURES if key in recorded]
    unknown = sorted(recorded - set(FIGURES))
    columns = ["Figure"]
    for name in judgements:
        columns += [JUDGEMENT_NAMES[name], "95 % interval"]
    rows = [
        [title, *(cell for judgement in judgements.values() for cell in _cells(judgement, key, render)), says]
        for key in [*known, *unknown]
        for title, render, says in [FIGURES.get(key, (key.replace("_", " "), figure, ""))]
    ]
    money_in = f"; amounts in {currency}" if currency else ""
    return Table(f"Figures of the procedure and of the bundle{money_in}", (*columns, "What it is"), rows)


def _cells(judgement: Mapping[str, Any], key: str, render: Render) -> tuple[str, str]:
    metrics, intervals = part(judgement, "metrics"), part(judgement, "intervals")
    ends = interval(intervals[key], render) if key in intervals else EMPTY
    return (render(metrics[key]) if key in metrics else EMPTY, ends)


def _plots(subject: Subject) -> list[Plot]:
    curves = {name: found for name, item in subject.judgements.items() if (found := part(item, "curves"))}
    if not curves:
        return []
    of, first = next(iter(curves.items()))
    metrics, whose = part(subject.judgements[of], "metrics"), JUDGEMENT_NAMES[of]
    plots = []
    if first.get("roc"):
        plots.append(_roc(curves, metrics))
    if first.get("pr"):
        plots.append(_precision_recall(curves, metrics))
    if part(first, "ks").get("probability"):
        plots.append(_cumulative(first["ks"], whose))
    if part(first, "score_by_class").get("borders"):
        plots.append(_scores(first["score_by_class"], subject.scorer.policy, whose))
    return plots


def _roc(curves: Curves, metrics: Mapping[str, Any]) -> Plot:
    title = f"ROC: area {figure(metrics.get('roc_auc'))}"
    says = "Each point is a cut-off. The markers are what this policy stops, on the rows of the solid line."
    return Plot(title, roc_plot(curves, f"{title}. {says}"), says)


def _precision_recall(curves: Curves, metrics: Mapping[str, Any]) -> Plot:
    rate = metrics.get("bad_rate")
    title = f"Precision and recall: area {figure(metrics.get('pr_auc'))}"
    says = f"Says more than the ROC where bad cases are rare. Chance is the bad rate, {share(rate)}."
    return Plot(title, precision_recall_plot(curves, rate, f"{title}. {says}"), says)


def _cumulative(ks: Mapping[str, Any], whose: str) -> Plot:
    title = f"KS: bad and good lie up to {figure(ks['distance'])} apart"
    says = f"{whose}. The distance is largest at P(bad) {share(ks['at'])}."
    return Plot(title, cumulative_plot(ks, f"{title}. {says}"), says)


def _scores(counts: Mapping[str, Any], policy: Policy, whose: str) -> Plot:
    title = "P(bad) of the good and of the bad"
    says = f"{whose}. Bins of equal width in log-odds; the outermost hold whatever lies beyond."
    return Plot(title, score_plot(counts, policy, f"{title}. {says}"), says)


def _decision_tables(judgements: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    tables: list[Block] = []
    for whose, judgement in judgements.items():
        found = part(judgement, "curves", "decisions")
        decisions = {name: item for name in map(str, DECISIONS) if (item := part(found, name))}
        total = sum(item["good"] + item["bad"] for item in decisions.values())
        rows = [
            (decision, count(item["good"]), count(item["bad"]), _rate(item["bad"], item), _of(item, total))
            for decision, item in decisions.items()
        ]
        if rows:
            caption = f"What was decided, and what really happened. {JUDGEMENT_NAMES[whose]}"
            tables.append(Table(caption, ("Decision", "Good", "Bad", "Bad rate", "Share of cases"), rows))
    return tables


def _rate(bad: int, item: Mapping[str, Any]) -> str:
    cases = item["good"] + item["bad"]
    return share(bad / cases) if cases else EMPTY


def _of(item: Mapping[str, Any], total: int) -> str:
    return share((item["good"] + item["bad"]) / total) if total else EMPTY
