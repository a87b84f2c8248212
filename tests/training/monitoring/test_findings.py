from __future__ import annotations

from dataclasses import replace

import pytest

from training.monitoring.drift import ColumnDrift, DomainDrift, PriorShift, RefusalDrift, ScoreDrift, Status
from training.monitoring.findings import drift_findings
from training.monitoring.report import Drift

NOTHING = Drift(
    level=1e-5,
    columns=(ColumnDrift("income", "ks", 0.01, 0.5, 0.0, 0.0, {}, 0.5, Status.OK),),
    score=ScoreDrift(0.01, 0.5, 0.1, 0.1, Status.OK),
    prior=PriorShift(0.1, (0.09, 0.11), 0.1, 0.0, 0.5, Status.OK),
    domain=DomainDrift(0.5, (0.49, 0.51), 0.5, Status.OK),
    refusals=RefusalDrift(100, 0, 0, 0.0, 0.0, 1.0, (), Status.OK),
)


def test_nothing_found_is_nothing_told() -> None:
    assert drift_findings(NOTHING) == ()
    assert NOTHING.status is Status.OK


@pytest.mark.parametrize(("status", "severity"), [(Status.WARN, "warning"), (Status.ALARM, "critical")])
def test_each_thing_is_told_under_its_key(status: Status, severity: str) -> None:
    found = drift_findings(
        Drift(
            level=1e-5,
            columns=(replace(NOTHING.columns[0], csi=0.3, status=status),),
            score=replace(NOTHING.score, psi=0.4, status=status),
            prior=replace(NOTHING.prior, rate=0.2, status=status),
            domain=replace(NOTHING.domain, auc=0.8, status=status),
            refusals=replace(NOTHING.refusals, rate=0.25, status=status),
        )
    )
    assert {item.key: item.title for item in found} == {
        "drift:income": "income has drifted: CSI 0.300",
        "score_psi": "the score has drifted: PSI 0.400",
        "prior": "scores speak of a bad rate of 20.00%, and it was 10.00% (an estimate)",
        "domain": "new records can be told from earlier ones: AUC 0.800",
        "refused": "25.00% of records are refused",
    }
    assert {item.severity for item in found} == {severity}


def test_what_could_not_be_judged_is_no_finding() -> None:
    assert drift_findings(replace(NOTHING, score=replace(NOTHING.score, psi=0.9, status=Status.FEW))) == ()
