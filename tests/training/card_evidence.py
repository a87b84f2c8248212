"""Bundles whose evidence holds everything that a card can show, from simulated outcomes of a real scorer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.bundle import bundle_files, version_of
from service.scoring.policy import DECISIONS, Costs, Policy
from service.scoring.scorer import Scorer
from training.calibration_report import calibration_report
from training.fairness import fairness_report, protected_groups
from training.model_card import Card, render_card
from training.plots import log_odds
from training.train import Trained

Outcomes = npt.NDArray[np.int8]
Files = dict[str, bytes]
POINTS = 101


def full_bundle(trained: Trained, **changed: Any) -> tuple[Files, str]:
    """Return the files and the version of a bundle with full evidence; `changed` replaces parts of it."""
    return rebuilt(trained, {**full_evidence(trained), **changed})


def plain_bundle(trained: Trained, **changed: Any) -> tuple[Files, str]:
    """Return the same without anything that is drawn, for its card is made much sooner."""
    evidence = full_evidence(trained)
    for name in ("procedure", "shipped"):
        evidence[name] = {**evidence[name], "curves": {}, "calibration": {}}
    return rebuilt(trained, {**evidence, "importance": {}, "fairness": {}, **changed})


def rebuilt(trained: Trained, evidence: Mapping[str, Any]) -> tuple[Files, str]:
    """Return the files and the version of the same bundle with other evidence, its hashes made anew."""
    s = trained.scorer
    files = bundle_files(s.contract, s.predictor, s.calibrator, s.policy, s.reason_texts, s.profile, evidence)
    return files, version_of(files)


def rendered(bundle: tuple[Files, str], **known: Any) -> Card:
    """Return the card of a bundle of loan approval."""
    files, version = bundle
    return render_card(files, use_case="loan_approval", version=version, **known)


def full_evidence(trained: Trained) -> dict[str, Any]:
    """Return evidence as a training records it, with figures of simulated outcomes."""
    scorer, cases, use_case = trained.scorer, trained.cases, trained.cases.use_case
    rng = np.random.default_rng(3)
    probabilities = scorer.score_matrix(cases.matrix)
    outcomes: Outcomes = (rng.random(len(probabilities)) < probabilities).astype(np.int8)
    untouched = np.arange(len(outcomes)) % 5 == 0
    costs = use_case.costs
    candidates = [dict(item) for item in scorer.evidence["candidates"]]
    return {
        **scorer.evidence,
        "data": {
            **scorer.evidence["data"],
            "source_kind": "csv",
            "duplicates": 107,
            "refused": {"person_age: above_maximum; it must be from 18 to 110": 5},
            "nulls": dict.fromkeys(scorer.contract.inputs, 0) | {scorer.contract.inputs[0]: 724},
            "tables": {"raw": {"rows": len(outcomes), "columns": [c.name for c in scorer.contract.columns]}},
        },
        "about": {
            "purpose": "Decide whether to take the risk of a case, in real time.",
            "stakeholders": ["applicants", "the risk committee", "the supervisor"],
            "success": ["cost per case at most 398", "no group approved less than four fifths as often"],
            "limits": ["Not for companies.", "Not where <b>laws</b> & rules forbid it."],
        },
        "candidates": _candidates(candidates[0], costs),
        "search": {"trials": 40, "pruned": 11, "objective": "cost"},
        "procedure": judgement(outcomes[untouched], probabilities[untouched], scorer.policy, costs),
        "shipped": judgement(outcomes, probabilities, scorer.policy, costs),
        "fairness": {
            **fairness_report(
                protected_groups(cases), outcomes, probabilities, scorer.policy.decide_all(probabilities)
            ),
            "proxies": {
                "rows": len(outcomes),
                "attributes": {
                    name: {"roc_auc": 0.7212, "groups": [], "strongest": [{"input": "x", "roc_auc": 0.61}]}
                    for name in protected_groups(cases)
                },
            },
        },
        "fairness_profile": "eu",
        "leakage": [
            {
                "column": "loan_grade",
                "kind": "late",
                "figure": 0.9134,
                "text": "loan_grade is known only after the decision",
                "severity": "warning",
            }
        ],
        "importance": importance(scorer),
        "features": {
            "kept": [*scorer.contract.inputs],
            "steady_from": 0.6,
            "table": [{"input": "x", "frequency": 0.25, "interval": [-0.001, 0.002], "kept": False}],
        },
        "costs": {
            "false_approve": costs.false_approve,
            "false_decline": costs.false_decline,
            "review": costs.review,
            "currency": costs.currency,
        },
        "gates": GATES,
    }


GATES: list[dict[str, Any]] = [
    {
        "code": "G-AUC",
        "title": "Discrimination: ROC AUC",
        "severity": "blocks",
        "status": "pass",
        "observed": "0.7853",
        "required": "at least 0.78",
        "interval": [0.7712, 0.7991],
        "note": "",
    },
    {
        "code": "G-PRECISION",
        "title": "Precision: share of the declined that is bad",
        "severity": "warns",
        "status": "fail",
        "observed": "61.2 %",
        "required": "at least 95 %",
        "interval": [0.58, 0.64],
        "note": "asked for by the fraud laboratory",
    },
    {
        "code": "G-FOUR-FIFTHS",
        "title": "Fairness: approval rates, four-fifths rule",
        "severity": "blocks",
        "status": "not_applicable",
        "observed": "not judged",
        "required": "nothing",
        "interval": None,
        "note": "no protected attribute is recorded",
    },
]


def judgement(outcomes: Outcomes, probabilities: FloatArray, policy: Policy, costs: Costs) -> dict[str, Any]:
    """Return figures, intervals, calibration and curves of outcomes (rows,) and P(bad) (rows,)."""
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    codes = policy.decide_all(probabilities)
    decided = {str(d): float((codes == i).mean()) for i, d in enumerate(DECISIONS)}
    metrics = {
        "rows": float(len(outcomes)),
        "bad_rate": float(outcomes.mean()),
        "roc_auc": float(roc_auc_score(outcomes, probabilities)),
        "pr_auc": float(average_precision_score(outcomes, probabilities)),
        "brier": float(brier_score_loss(outcomes, probabilities)),
        "log_loss": float(log_loss(outcomes, probabilities)),
        "ece": 0.0123,
        "cost_per_case": float(_costs(outcomes, codes, costs).mean()),
        "approval_rate": decided["approve"],
        "refer_rate": decided["refer"],
        "decline_rate": decided["decline"],
    }
    return {
        "population": f"{len(outcomes)} rows that nothing saw",
        "metrics": metrics,
        "intervals": {
            name: [value * 0.97, min(value * 1.02, max(value, 1.0))]
            for name, value in metrics.items()
            if name != "rows"
        },
        "calibration": calibration_report(outcomes, probabilities),
        "curves": curves(outcomes, probabilities, codes, costs),
    }


def curves(
    outcomes: Outcomes, probabilities: FloatArray, codes: npt.NDArray[np.int8], costs: Costs
) -> dict[str, Any]:
    """Return the points of all curves."""
    from sklearn.metrics import precision_recall_curve, roc_curve

    fpr, tpr, _ = roc_curve(outcomes, probabilities)
    precision, recall, _ = precision_recall_curve(outcomes, probabilities)
    grid = np.quantile(probabilities, np.linspace(0, 1, POINTS))
    shares = {
        kind: [float((probabilities[outcomes == value] <= p).mean()) for p in grid]
        for kind, value in (("good", 0), ("bad", 1))
    }
    distances = np.abs(np.array(shares["good"]) - np.array(shares["bad"]))
    cut_offs = 1 / (1 + np.exp(-np.linspace(-9, 4, POINTS)))
    return {
        "roc": _thinned(fpr, tpr),
        "pr": _thinned(recall, precision),
        "ks": {
            "probability": grid.tolist(),
            **shares,
            "at": float(grid[distances.argmax()]),
            "distance": float(distances.max()),
        },
        "reliability": _reliability(outcomes, probabilities),
        "score_by_class": _by_class(outcomes, probabilities),
        "cost_by_cut_off": [
            [float(c), float(_costs(outcomes, np.where(probabilities >= c, 2, 0), costs).mean())]
            for c in [*cut_offs, 1.0]
        ],
        "decisions": {
            str(decision): {
                kind: int(((codes == i) & (outcomes == value)).sum())
                for kind, value in (("good", 0), ("bad", 1))
            }
            for i, decision in enumerate(DECISIONS)
        },
    }


def importance(scorer: Scorer) -> dict[str, float]:
    """Return a contribution for every input, all of them different."""
    return {name: round(0.9 * 0.8**i, 6) for i, name in enumerate(scorer.contract.inputs)}


def _candidates(best: dict[str, Any], costs: Costs) -> list[dict[str, Any]]:
    best = {**best, "name": "random_forest", "serving_class": "other_trees", "servable": True}
    cost = costs.false_decline / 4
    rivals = [
        {"name": best["name"], "chosen": False, "worse_by": 0.0, "interval": [0.0, 0.0]},
        {"name": "catboost", "serving_class": "symmetric_trees", "chosen": True, "worse_by": 0.0004},
        {"name": "knn", "serving_class": "none", "servable": False, "worse_by": 0.0301},
        {"name": "logistic", "serving_class": "linear", "worse_by": 0.0402, "significantly_worse": True},
    ]
    spread = {"interval": [-0.0007, 0.0015], "significantly_worse": False, "chosen": False}
    return [{**best, **spread, **rival, "cost_per_case": cost} for rival in rivals]


def _thinned(x: FloatArray, y: FloatArray) -> list[list[float]]:
    along = np.r_[0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))]
    kept = np.minimum(np.unique(np.searchsorted(along, np.linspace(0, along[-1], POINTS))), len(x) - 1)
    return [[float(x[i]), float(y[i])] for i in kept]


def _reliability(outcomes: Outcomes, probabilities: FloatArray) -> list[dict[str, Any]]:
    found = []
    for part in np.array_split(np.argsort(probabilities, kind="stable"), 10):
        rate, n = float(outcomes[part].mean()), len(part)
        center = (rate + 1.92 / n) / (1 + 3.84 / n)
        half = 1.96 / (1 + 3.84 / n) * (rate * (1 - rate) / n + 0.96 / n**2) ** 0.5
        ends = {"low": max(center - half, 0.0), "high": min(center + half, 1.0)}
        mean = float(probabilities[part].mean())
        found.append({"mean_probability": mean, "bad_rate": rate, **ends, "rows": n})
    return found


def _by_class(outcomes: Outcomes, probabilities: FloatArray) -> dict[str, Any]:
    low, high = log_odds(np.quantile(probabilities, [0.001, 0.999]))
    borders = 1 / (1 + np.exp(-np.linspace(low, high, 21)))[1:-1]
    index = np.searchsorted(borders, probabilities, side="right")
    good, bad = (np.bincount(index[outcomes == kind], minlength=20).tolist() for kind in (0, 1))
    return {"borders": borders.tolist(), "good": good, "bad": bad}


def _costs(outcomes: Outcomes, codes: npt.NDArray[Any], costs: Costs) -> FloatArray:
    table = np.array([[0.0, costs.false_approve], [costs.review or 0.0] * 2, [costs.false_decline, 0.0]])
    costs_of_rows: FloatArray = table[codes, outcomes]
    return costs_of_rows
