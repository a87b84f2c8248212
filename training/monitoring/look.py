"""One look at a use case: its latest decisions against those before, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass

from service.decision_log.segments.store import SegmentStore
from service.scoring.scorer import Scorer
from training.monitoring.drift import (
    Reference,
    column_drifts,
    domain_drift,
    prior_shift,
    profile_reference,
    refusal_drift,
    score_drift,
    window_reference,
)
from training.monitoring.drift.judging import level_of_a_test
from training.monitoring.findings import drift_findings, performance_findings, unjudged_kinds
from training.monitoring.observed import Observed, joined, observe, scored_by
from training.monitoring.report import Drift, DriftReport, told_of_analysis, told_of_reference
from training.monitoring.windows import Window, Windows
from training.performance import Performance, advise, history, judge, told
from training.use_case import UseCase

# Besides one test for each column: the score, the bad rate, all columns together, what is refused.
_OTHER_TESTS = 4


@dataclass(frozen=True)
class Seen:
    """The decisions of both windows, and what those of the analysis are compared with."""

    windows: Windows
    analysis: Observed
    before: Observed
    reference: Reference


def see(store: SegmentStore, scorer: Scorer, windows: Windows, least_records: int) -> Seen:
    """Return the decisions of the windows; with fewer than so many before, the bundle's profile is the reference.

    Raises `LogRefused` and `SegmentDamaged` as `observe` does.
    """
    before = observe(store, scorer, windows.reference)
    known = before.rows >= least_records
    reference = window_reference(before, scorer) if known else profile_reference(scorer)
    return Seen(windows, observe(store, scorer, windows.analysis), before, reference)


def drift_of(seen: Seen, scorer: Scorer, alpha: float) -> Drift:
    """Return all comparisons; alpha: of a year of daily looks, shared by all of their tests."""
    level = level_of_a_test(alpha, len(scorer.contract.inputs) + _OTHER_TESTS)
    analysis, reference = seen.analysis, seen.reference
    scores = scored_by(analysis, scorer)
    return Drift(
        level=level,
        columns=column_drifts(scorer.contract, analysis, reference, level),
        score=score_drift(scores, reference, level),
        prior=prior_shift(scores, reference.mean, reference.mean_variance, level, reference.variance),
        domain=domain_drift(reference.matrix, analysis.matrix, level),
        refusals=refusal_drift(analysis, reference, level),
    )


def look(store: SegmentStore, seen: Seen, scorer: Scorer, use_case: UseCase, at: int) -> DriftReport:
    """Return the report on windows that were seen; at: when it is looked, microseconds since 1970, UTC.

    With fewer records in the analysis than the use case asks for nothing is compared; performance, which looks back
    further, is judged all the same, as it was known when the analysis ended.
    """
    monitoring, windows = use_case.monitoring, seen.windows
    enough = seen.analysis.rows >= monitoring.least_records
    drift = drift_of(seen, scorer, monitoring.alpha_drift) if enough else None
    performance = _performance(store, seen, scorer, use_case)
    of_drift = () if drift is None else drift_findings(drift)
    return DriftReport(
        use_case=use_case.name,
        model=scorer.tag,
        at=at,
        analysis=told_of_analysis(windows, seen.analysis),
        reference=told_of_reference(windows, seen.before, seen.reference),
        needed=monitoring.least_records,
        drift=drift,
        performance=performance.to_json(),
        advice=advise(None if drift is None else drift.to_json(), performance).to_json(),
        findings=(*of_drift, *performance_findings(performance)),
        unjudged=unjudged_kinds(drift, performance),
    )


def _performance(store: SegmentStore, seen: Seen, scorer: Scorer, use_case: UseCase) -> Performance:
    until = seen.windows.analysis.until
    since = history(use_case.monitoring, until).since
    parts = [seen.before, seen.analysis]
    if since < seen.windows.reference.since:
        # What lies before was not read yet, and nothing is read twice.
        parts.insert(0, observe(store, scorer, Window(since, seen.windows.reference.since)))
    known = joined(parts).since(since)
    return judge(known, told(store, use_case.name, known, until), scorer, use_case, until)
