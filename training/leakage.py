"""What tells the outcome too well, or for the wrong reason: looked for before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from service.scoring.contract import Role
from training.data import Cases
from training.data_profile.orders import Order, codes_of, movement, orders
from training.data_profile.separation import alone
from training.splits import make_folds, plan_split
from training.use_case import Split

# ROC AUC of one column alone, cross-validated. Honest columns of the built-in use cases stay below 0.85.
NEAR_PERFECT, SUSPECT = 0.99, 0.9
# A level is nearly one outcome when it has at most this share of the expected cases of the other, of ten or more.
NEARLY_NONE, LEAST_EXPECTED = 0.05, 10.0
# Chance finds nulls of one use case in a thousand.
SIGNIFICANT = 0.001
PATTERN_TELLS, PATTERN_SUSPECT = 0.6, 0.7
GROUP_TELLS = 0.55
SAME_ORDER = 0.99
LEAST_ROWS_TO_COUNT = 20
SERIOUS, WARNING, INFORMATION = "serious", "warning", "information"


@dataclass(frozen=True)
class Finding:
    """One thing found: the column (None: all of them), its kind, a figure, a sentence and how grave it is."""

    column: str | None
    kind: str
    figure: float | None
    text: str
    severity: str


def leakage_report(cases: Cases, folds_seed: int) -> list[dict[str, Any]]:
    """Return findings as JSON data, the gravest first: `column`, `kind`, `figure`, `text`, `severity`.

    `serious` means that a model of these columns is worth nothing until it is explained; `warning`, that somebody
    should look; `information`, what the split has to allow for. No text shows a value of a single case.
    """
    folds = make_folds(cases, np.arange(cases.rows, dtype=np.intp), folds_seed)
    aucs = {
        name: alone(cases.matrix[:, i], cases.levels[i], cases.outcomes, folds)
        for i, name in enumerate(cases.use_case.contract.inputs)
    }
    findings = [
        *_separating(aucs),
        *_counting_rows(cases),
        *_late(cases, aucs),
        *_one_sided_levels(cases),
        *_telling_nulls(cases),
        *_telling_pattern(cases, folds),
        *_telling_orders(cases),
        *_telling_groups(cases),
        *_duplicates(cases, folds_seed),
    ]
    gravity = (SERIOUS, WARNING, INFORMATION)
    return [asdict(item) for item in sorted(findings, key=lambda item: gravity.index(item.severity))]


def _separating(aucs: dict[str, float | None]) -> Iterator[Finding]:
    for name, auc in aucs.items():
        if auc is not None and auc >= SUSPECT:
            perfect = auc >= NEAR_PERFECT
            text = (
                f"{name} alone tells the outcome with a ROC AUC of {auc:.3f}: is it known before the outcome?"
            )
            yield Finding(name, "separates", auc, text, SERIOUS if perfect else WARNING)


def _counting_rows(cases: Cases) -> Iterator[Finding]:
    for column in cases.use_case.contract.features:
        values = cases.values[column.name]
        rises = cases.rows >= LEAST_ROWS_TO_COUNT and bool((np.diff(values) > 0).all())
        if rises and column.is_numeric and bool((values == np.floor(values)).all()):
            text = f"{column.name} rises from each row to the next: a row number is no property of a case"
            yield Finding(column.name, "row_number", None, text, SERIOUS)


def _late(cases: Cases, aucs: dict[str, float | None]) -> Iterator[Finding]:
    for name in cases.use_case.known_after_decision:
        auc = aucs[name]
        shown = "" if auc is None else f"; alone it has a ROC AUC of {auc:.3f}"
        text = (
            f"{name} is known only after the decision{shown}: right for a portfolio, a leak where applications "
            f"are judged: there use {cases.use_case.name}_pre_approval, which leaves it out, where the use case is "
            "the product's own, else declare one without it"
        )
        yield Finding(name, "known_after_decision", auc, text, WARNING)


def _one_sided_levels(cases: Cases) -> Iterator[Finding]:
    share = float(cases.outcomes.mean())
    for column in cases.use_case.contract.features:
        present = ~np.isnan(cases.values[column.name])
        codes = cases.values[column.name][present].astype(np.intp) if column.levels else np.empty(0, np.intp)
        counts = np.bincount(codes, minlength=len(column.levels))
        bad = np.bincount(codes, weights=cases.outcomes[present][: len(codes)], minlength=len(column.levels))
        for level, n, b in zip(column.levels, counts.tolist(), bad.tolist(), strict=True):
            if _nearly_one_outcome(n, b, share):
                text = (
                    f"{column.name}={level}: {b / n:.1%} of {n} cases are bad, where {share:.1%} of all are"
                )
                yield Finding(column.name, "level", b / n, text, WARNING)


def _nearly_one_outcome(cases: int, bad: float, share: float) -> bool:
    sides = ((bad, cases * share), (cases - bad, cases * (1 - share)))
    return any(seen <= NEARLY_NONE * expected and expected >= LEAST_EXPECTED for seen, expected in sides)


def _telling_nulls(cases: Cases) -> Iterator[Finding]:
    from scipy.stats import fisher_exact

    share, features = float(cases.outcomes.mean()), cases.use_case.contract.features
    for column in features:
        missing = np.isnan(cases.values[column.name])
        table = [[int((missing == a)[cases.outcomes == b].sum()) for b in (1, 0)] for a in (True, False)]
        (bad, good), (others_bad, others_good) = table
        if 0 < bad + good < cases.rows and fisher_exact(table)[1] < SIGNIFICANT / len(features):
            text = (
                f"{column.name}: {bad / (bad + good):.1%} of the {bad + good} cases without it are bad, "
                f"{others_bad / (others_bad + others_good):.1%} of the others"
            )
            alarming = _nearly_one_outcome(bad + good, bad, share)
            yield Finding(
                column.name, "nulls", bad / (bad + good), text, WARNING if alarming else INFORMATION
            )


def _telling_pattern(cases: Cases, folds: Sequence[Any]) -> Iterator[Finding]:
    missing = np.isnan(np.stack([cases.values[c.name] for c in cases.use_case.contract.features], axis=1))
    patterns, code = np.unique(missing, axis=0, return_inverse=True)
    auc = (
        alone(code.ravel().astype(np.float64), len(patterns), cases.outcomes, folds)
        if len(patterns) > 1
        else None
    )
    if auc is not None and auc >= PATTERN_TELLS:
        text = f"which values are missing, and nothing else, tells the outcome with a ROC AUC of {auc:.3f}"
        yield Finding(None, "null_pattern", auc, text, WARNING if auc >= PATTERN_SUSPECT else INFORMATION)


def _telling_orders(cases: Cases) -> Iterator[Finding]:
    """Yield findings about time, row order and numbered ids; an order that repeats another is left out."""
    seen: list[FloatArray] = []
    for order in orders(cases):
        if any(abs(np.corrcoef(order.ranks, other)[0, 1]) > SAME_ORDER for other in seen):
            continue
        seen.append(order.ranks)
        if moved := movement(order, cases):
            what, remedy, severity = _on_order(order, by_time=cases.use_case.split is Split.TIME)
            text = (
                f"{what} predicts the outcome: {moved.lowest:.1%} to {moved.highest:.1%} bad in its tenths "
                f"(ROC AUC {moved.roc_auc:.3f}); {remedy}"
            )
            yield Finding(order.column, order.kind, moved.roc_auc, text, severity)


def _on_order(order: Order, *, by_time: bool) -> tuple[str, str, str]:
    """Return what the order is, what to do about it and how grave it is."""
    if order.kind == "time":
        what = f"time ({order.column})"
        return (
            (what, "the split is by time", INFORMATION) if by_time else (what, "use a split by time", WARNING)
        )
    if order.kind == "row_order":
        return (
            "row order",
            "draw the split at random within each outcome, never head and tail",
            INFORMATION,
        )
    return f"the order of {order.column}", "an id must not be an input", INFORMATION


def _telling_groups(cases: Cases) -> Iterator[Finding]:
    from sklearn.metrics import roc_auc_score

    if cases.use_case.split is Split.TIME:
        return
    for column in cases.use_case.contract.of_role(Role.ID):
        code = codes_of(cases, column.name)
        if code is None or column.name == cases.use_case.group:
            continue
        others = np.bincount(code)[code] - 1
        if np.mean(others > 0) < 0.5:
            continue
        others_bad = np.bincount(code, weights=cases.outcomes)[code] - cases.outcomes
        auc = float(roc_auc_score(cases.outcomes, (others_bad + cases.outcomes.mean()) / (others + 1)))
        if auc >= GROUP_TELLS:
            text = (
                f"other cases of the same {column.name} tell the outcome (ROC AUC {auc:.3f}): "
                f"keep them on one side, with a split by {column.name}"
            )
            yield Finding(column.name, "group", auc, text, WARNING)


def _duplicates(cases: Cases, seed: int) -> Iterator[Finding]:
    group = cases.groups
    repeated = cases.rows - len(np.unique(group))
    if not repeated:
        return
    bad, size = np.bincount(group, weights=cases.outcomes), np.bincount(group)
    torn = int(size[(bad > 0) & (bad < size)].sum())
    plan = plan_split(cases, seed)
    across = int(np.isin(group[plan.untouched], group[plan.development]).sum())
    text = (
        f"cases that repeat another one in all but ids and times: {repeated}; cases with a twin of the other "
        f"outcome: {torn}; untouched cases with a twin among the others: {across}"
    )
    yield Finding(None, "duplicates", float(repeated), text, INFORMATION)
