"""What a look found wrong, each thing under a key that is the same from look to look."""

from __future__ import annotations

from collections.abc import Iterator

from training.alerts import Finding, Severity
from training.monitoring.drift import Status
from training.monitoring.report import Drift
from training.performance import Performance

_SEVERITY: dict[Status, Severity] = {Status.WARN: "warning", Status.ALARM: "critical"}


def drift_findings(drift: Drift) -> tuple[Finding, ...]:
    """Return what is worth telling of drift: every status that is `warn` or `alarm`."""
    return (*_of_columns(drift), *_of_the_rest(drift))


def performance_findings(performance: Performance) -> tuple[Finding, ...]:
    """Return what is worth telling of performance: its alarms, each of which holds its level over a year of looks."""
    alarm, ranking = performance.alarm, performance.ranking
    found = []
    if alarm.raised:
        title = f"probabilities are {alarm.direction}, since about {alarm.since}"
        found.append(Finding("calibration", "critical", title, alarm.to_json()))
    if ranking.alarm and ranking.now is not None:
        title = f"cases are ranked worse than they were: AUC {ranking.now.value:.3f}"
        found.append(Finding("ranking", "critical", title, ranking.to_json()))
    return tuple(found)


def unjudged_kinds(drift: Drift | None, performance: Performance) -> tuple[str, ...]:
    """Return the kinds of findings that there was too little to judge for: that they are absent says nothing."""
    of_outcomes = ("calibration", "ranking") if performance.mature.too_few else ()
    return (*_unjudged(drift), *of_outcomes)


def _unjudged(drift: Drift | None) -> tuple[str, ...]:
    if drift is None:
        return ("drift", "score_psi", "prior", "domain", "refused")
    judged = {
        "score_psi": drift.score.status,
        "prior": drift.prior.status,
        "domain": drift.domain.status,
        "refused": drift.refusals.status,
    }
    return tuple(kind for kind, status in judged.items() if status is Status.FEW)


def _of_columns(drift: Drift) -> Iterator[Finding]:
    for item in drift.columns:
        if item.status in _SEVERITY:
            figures = {"csi": item.csi, "p": item.p, "q": item.q, "nulls": item.nulls}
            title = f"{item.name} has drifted: CSI {item.csi:.3f}"
            yield Finding(f"drift:{item.name}", _SEVERITY[item.status], title, figures)


def _of_the_rest(drift: Drift) -> Iterator[Finding]:
    score, prior, domain, refusals = drift.score, drift.prior, drift.domain, drift.refusals
    told = (
        (
            "score_psi",
            score,
            f"the score has drifted: PSI {score.psi or 0:.3f}",
            {"psi": score.psi, "p": score.p},
        ),
        (
            "prior",
            prior,
            f"scores speak of a bad rate of {prior.rate or 0:.2%}, and it was {prior.reference_rate:.2%} (an estimate)",
            {
                "rate": prior.rate,
                "reference_rate": prior.reference_rate,
                "interval": prior.interval,
                "p": prior.p,
            },
        ),
        (
            "domain",
            domain,
            f"new records can be told from earlier ones: AUC {domain.auc or 0:.3f}",
            {"auc": domain.auc, "interval": domain.interval, "p": domain.p},
        ),
        (
            "refused",
            refusals,
            f"{refusals.rate:.2%} of records are refused",
            {"rate": refusals.rate, "reference_rate": refusals.reference_rate, "p": refusals.p},
        ),
    )
    for key, item, title, figures in told:
        if item.status in _SEVERITY:
            yield Finding(key, _SEVERITY[item.status], title, figures)
