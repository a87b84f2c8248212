"""How long one record takes: measured, so it differs from machine to machine and stands outside every hash."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.scoring.arithmetic import FloatArray
from service.scoring.predictors import Predictor
from service.scoring.scorer import Scorer

RECORDS = 50


def record_microseconds(predictor: Predictor, matrix: FloatArray) -> float:
    """Return the median time to score one row of `matrix` (rows, inputs), in µs."""
    return _median(predictor.score_one, matrix[:RECORDS].tolist())


def decision_microseconds(scorer: Scorer, records: Sequence[Mapping[str, Any]]) -> float:
    """Return the median time of a decision with its validation and reasons, in µs."""
    return _median(scorer.score, records)


def _median(call: Callable[[Any], Any], arguments: Sequence[Any]) -> float:
    taken = []
    for argument in [arguments[0], *arguments]:
        began = time.perf_counter()
        call(argument)
        taken.append(time.perf_counter() - began)
    # The first call prepares what the others use.
    return 1e6 * statistics.median(taken[1:])
