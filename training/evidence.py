"""What a training found, as the evidence that its bundle carries: everything that a model card says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.data import Cases
from training.evaluate import Judged, judge
from training.fairness import fairness_report, protected_groups, proxy_report
from training.feature_selection import Selection
from training.gates import absolute_gates
from training.leakage import leakage_report
from training.out_of_fold import OutOfFold
from training.procedure import Procedure
from training.protected import what_protected_would_add
from training.recipe import recipe_of
from training.selection import Standing, chosen_of
from training.splits import Plan
from training.tune import Search
from training.use_case import Split

TOO_FEW_TO_PROVE = 200


@dataclass(frozen=True)
class Findings:
    """All that a training knows by its end.

    `out` has the chosen candidate's scores of all rows, out of fold, and `shipped` what they come to under the
    bundle's policy.
    """

    cases: Cases
    plan: Plan
    standings: Sequence[Standing]
    search: Search
    procedure: Procedure
    out: OutOfFold
    shipped: Judged
    selection: Selection | None
    thorough: bool
    seed: int


def evidence_of(found: Findings) -> dict[str, Any]:
    """Return the evidence as JSON data; equal findings give equal evidence."""
    use_case = found.cases.use_case
    leakage = leakage_report(found.cases, found.seed)
    evidence = {
        "about": asdict(use_case.about),
        "data": _data(found),
        "search": found.search.to_json(),
        "objective": use_case.objective.value,
        "candidates": [item.to_json() for item in found.standings],
        "chosen": _recipe(found),
        "features": found.selection.to_json() if found.selection else None,
        "procedure": {
            **judge(found.procedure.judged, found.seed),
            "calibration_gain": found.procedure.calibration_gain,
        },
        "shipped": {
            **judge(found.shipped, found.seed),
            "calibrators": found.out.calibrated.to_json(),
        },
        "stability": found.procedure.stability,
        "importance": found.procedure.importance,
        "fairness": _fairness(found),
        "leakage": leakage,
        "costs": asdict(use_case.costs),
        "aims": asdict(use_case.aims),
        "requirements": asdict(use_case.requirements),
        "fairness_profile": use_case.fairness.value,
        "warnings": _warnings(found.cases, leakage),
    }
    gates = absolute_gates(
        use_case.requirements,
        use_case.fairness,
        evidence,
        use_case.contract,
        use_case.reasons,
        use_case.costs,
    )
    return {**evidence, "gates": [gate.to_json() for gate in gates]}


def _recipe(found: Findings) -> dict[str, Any]:
    candidate = chosen_of(found.standings).candidate
    narrow = candidate.name not in [searched.name for searched, _ in found.search.scored]
    return recipe_of(candidate, found.selection.kept if found.selection and narrow else None)


def _fairness(found: Findings) -> dict[str, Any]:
    out = found.out
    groups: dict[str, list[str]] = {
        name: [labels[row] for row in out.rows] for name, labels in protected_groups(found.cases).items()
    }
    probabilities = found.shipped.probabilities[0]
    decisions = found.shipped.policy.decide_all(probabilities)
    report = fairness_report(groups, out.outcomes, probabilities, decisions, out.weights)
    if not found.thorough:
        return report
    return {
        **report,
        "proxies": proxy_report(found.cases, found.seed),
        "would_add": what_protected_would_add(
            chosen_of(found.standings).out_of_fold, _recipe(found), found.plan, found.seed
        ),
    }


def _data(found: Findings) -> dict[str, Any]:
    cases = found.cases
    return {
        "fingerprint": cases.fingerprint,
        "generated": cases.generated,
        "rows": cases.rows,
        "bad_rate": float(cases.outcomes.mean()),
        "population_bad_rate": cases.use_case.population_bad_rate,
        "refused": cases.refused,
        "duplicates": cases.rows - len(np.unique(cases.groups)),
        "nulls": {name: int(np.isnan(column).sum()) for name, column in cases.values.items()},
        "tables": _tables(cases),
        "split": found.plan.method,
        "split_kind": _split_kind(cases),
        "untouched_rows": len(found.plan.untouched),
        "seed": found.seed,
    }


def _split_kind(cases: Cases) -> str:
    split = cases.use_case.split
    return Split.STRATIFIED.value if split is Split.TIME and cases.times is None else split.value


def _tables(cases: Cases) -> dict[str, Any]:
    return {
        "raw": {"rows": cases.raw_rows, "columns": list(cases.raw_columns)},
        "cleaned": {"rows": cases.rows, "columns": cases.table.column_names},
        "encoded": {"rows": cases.rows, "columns": list(cases.use_case.contract.inputs)},
    }


def _warnings(cases: Cases, leakage: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    if cases.rows < TOO_FEW_TO_PROVE:
        found.append(f"{cases.rows} rows prove nothing: every figure here is noise. A smoke test only.")
    if cases.use_case.split is Split.TIME and cases.times is None:
        found.append("No case has a time: the split is at random, where the use case asks for one by time.")
    if cases.generated:
        found.append("The data were generated: figures say nothing about real cases.")
    return [*found, *(str(item["text"]) for item in leakage if item["severity"] == "serious")]
