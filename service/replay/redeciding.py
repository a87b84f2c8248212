"""Batch decisions under another policy: a block of a segment at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.decision_log.reading import reading
from service.decision_log.segments.answers import (
    DECISION,
    PROBABILITY,
    ROW,
    decision_codes,
    probabilities,
    row_numbers,
)
from service.decision_log.segments.decisions import decision_id
from service.decision_log.segments.file import blocks
from service.decision_log.segments.segment import Segment, segments
from service.decision_log.segments.store import SegmentStore, use
from service.replay.results import Difference, Redecided
from service.replay.segments import Asked, Each, tell_all
from service.scoring.arithmetic import FloatArray
from service.scoring.policy import DECISIONS, Costs, Decision, Policy

Codes = npt.NDArray[np.int8]


def redecide_segments(
    store: SegmentStore,
    asked: Asked,
    policy: Policy,
    costs: Costs,
    *,
    each: Each = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Redecided:
    """Return what a policy would have decided on the probabilities of batch decisions; as `redecide`.

    Raises `SegmentDamaged`.
    """
    done = Redecided.nothing()
    work = partial(_redecide_file, asked=asked, policy=policy, costs=costs, telling=each is not None)
    with reading(store.address) as connection:
        for segment in segments(connection, asked.chosen):
            found, told = use(store, segment, work)
            done.join(found)
            if each is not None:
                tell_all(each, told)
            progress(done.decisions)
    return done


def _redecide_file(
    segment: Segment, path: Path, *, asked: Asked, policy: Policy, costs: Costs, telling: bool
) -> tuple[Redecided, list[Difference]]:
    done, told = Redecided.nothing(), list[Difference]()
    for block in map(asked.of, blocks(path, [ROW, PROBABILITY, DECISION])):
        p, old = probabilities(block), decision_codes(block)
        new = policy.decide_all(p)
        done.join(Redecided(_counts(old, new), _cost(old, p, costs), _cost(new, p, costs)))
        if telling:
            told += _changes(segment, block, new, policy)
    return done, told


def _counts(old: Codes, new: Codes) -> dict[str, dict[str, int]]:
    kinds = len(DECISIONS)
    pairs = np.bincount(old.astype(np.intp) * kinds + new, minlength=kinds * kinds).reshape(kinds, kinds)
    names = [str(decision) for decision in DECISIONS]
    return {name: dict(zip(names, row, strict=True)) for name, row in zip(names, pairs.tolist(), strict=True)}


def _cost(codes: Codes, p: FloatArray, costs: Costs) -> float | None:
    referred = int((codes == DECISIONS.index(Decision.REFER)).sum())
    if referred and costs.review is None:
        return None
    approved = p[codes == DECISIONS.index(Decision.APPROVE)]
    declined = p[codes == DECISIONS.index(Decision.DECLINE)]
    wrong = float(approved.sum()) * costs.false_approve + float((1 - declined).sum()) * costs.false_decline
    return wrong + referred * (costs.review or 0.0)


def _changes(segment: Segment, block: pa.Table, new: Codes, policy: Policy) -> list[Difference]:
    old, numbers = decision_codes(block), row_numbers(block)
    return [
        Difference(
            decision_id(segment.id, int(numbers[place])),
            segment.row.model,
            policy.version,
            "decision",
            str(DECISIONS[old[place]]),
            str(DECISIONS[new[place]]),
        )
        for place in np.flatnonzero(old != new).tolist()
    ]
