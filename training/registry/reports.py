"""The files of a training's run that people open: evidence, confusion matrix, report, gates, environment, card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from service.scoring.errors import canonical_json
from service.scoring.policy import DECISIONS, Decision
from training.lineage import environment_files
from training.train import Trained

OUTCOMES = ("good", "bad")
Decisions = Mapping[str, Mapping[str, int]]


def reports_of(trained: Trained) -> dict[str, bytes]:
    """Return the files by path below the run's artifacts; none of them holds a row of the data."""
    evidence = trained.scorer.evidence
    files = {
        "evidence.json": canonical_json(evidence),
        "gates.json": canonical_json(list(trained.gates) or evidence.get("gates", [])),
    }
    if decisions := evidence["shipped"].get("curves", {}).get("decisions"):
        files["confusion_matrix.json"] = canonical_json(confusion_matrix(decisions))
        files["classification_report.txt"] = classification_report(decisions).encode()
    environment = {f"environment/{name}": content for name, content in environment_files().items()}
    return {**files, **trained.card, **environment}


def confusion_matrix(decisions: Decisions) -> dict[str, Any]:
    """Return the counts of every decision by outcome, and the two by two in which `decline` is the answer bad."""
    table = [[decisions[str(decision)][outcome] for decision in DECISIONS] for outcome in OUTCOMES]
    declined = [row[DECISIONS.index(Decision.DECLINE)] for row in table]
    kept = [sum(row) - count for row, count in zip(table, declined, strict=True)]
    return {
        "outcomes": list(OUTCOMES),
        "decisions": [str(decision) for decision in DECISIONS],
        "counts": table,
        "declined_is_bad": {
            "true_negative": kept[0],
            "false_positive": declined[0],
            "false_negative": kept[1],
            "true_positive": declined[1],
        },
    }


def classification_report(decisions: Decisions) -> str:
    """Return scikit-learn's report of the decisions, `decline` standing for the answer bad."""
    from sklearn.metrics import classification_report as report

    cells = [
        (outcome == "bad", decision is Decision.DECLINE, decisions[str(decision)][outcome])
        for outcome in OUTCOMES
        for decision in DECISIONS
    ]
    counts = [count for _, _, count in cells]
    truth = np.repeat([bad for bad, _, _ in cells], counts)
    answer = np.repeat([declined for _, declined, _ in cells], counts)
    text: str = report(truth, answer, labels=[False, True], target_names=OUTCOMES, digits=4, zero_division=0)
    return text
