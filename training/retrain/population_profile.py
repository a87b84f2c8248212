"""The profile of a retrained bundle: of everybody who came, as the dashboard and drift compare everybody with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.decision_log.segments.store import SegmentStore
from service.scoring.profile import Profile, make_profile
from service.scoring.scorer import Scorer
from training.monitoring.observed import observe
from training.monitoring.windows import Window
from training.retrain.divided import LEAST_HELD_OUT


def profile_of(log: SegmentStore, scorer: Scorer, materials: Mapping[str, Any]) -> Profile:
    """Return how inputs and scores were distributed among all decisions of the time that the judging cases are of.

    Whoever has an outcome was approved, mostly, so that the cases to learn from and to judge by are no sample of those
    who come. The scores are the scorer's own; it has learnt from none of that time. materials: as a story notes them.
    Where the log has fewer than 100 of these decisions left, the scorer's present profile is returned.
    """
    seen = observe(log, scorer, Window(materials["judged_since"], materials["judged_until"]))
    if seen.rows < LEAST_HELD_OUT:
        return scorer.profile
    scores = scorer.score_matrix(seen.matrix)
    return make_profile(scorer.contract, seen.matrix, scores, scorer.policy.refer_from)
