"""Whether the probability of each grade is right: Jeffreys tests, with control over their number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from service.scoring.arithmetic import FloatArray
from training.calibration_report.judged import Judged

LEVEL = 0.05


def grade_tests(given: Judged, sample: Judged, borders: Sequence[float] | None = None) -> dict[str, Any]:
    """Return each grade's mean probability beside its bad rate, with p-values alone and by Holm (1979).

    The posterior of a grade's bad rate is Beta(bad + 1/2, good + 1/2) (Jeffreys; ECB, 2019, instructions for
    reporting the validation results of internal models, 2.5.3.1). `p_too_low`, one-sided, is the posterior
    probability that the bad rate is at most the grade's mean probability. Probabilities that vary within a grade
    make the tests cautious, if anything.
    """
    starts, bands = given.bands(borders)
    if sample.shift is None:
        return {"level": LEVEL, "grades": [], "too_low": None, "too_high": None, "reason": sample.one_outcome}
    rows = np.diff(np.append(starts, given.rows))
    bad = np.add.reduceat(sample.outcomes, starts, dtype=np.intp)
    table = _tests(rows, bad, np.add.reduceat(sample.probabilities, starts) / rows)
    grades = [{"from": low, "to": high, **_row(table, i)} for i, (low, high) in enumerate(bands)]
    verdicts = [grade["verdict"] for grade in grades]
    counts = {name: verdicts.count(name.replace("_", " ")) for name in ("too_low", "too_high")}
    return {"level": LEVEL, "grades": grades, **counts, "reason": None}


def holm(p_values: FloatArray) -> FloatArray:
    """Return p-values (tests,) adjusted so that the chance of any false alarm among them is kept (Holm, 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    answer = np.empty(len(p_values))
    answer[order] = np.minimum(adjusted, 1.0)
    return answer


def _tests(rows: FloatArray, bad: FloatArray, expected: FloatArray) -> dict[str, list[Any]]:
    from scipy.special import betainc, betaincc, betaincinv

    a, b = bad + 0.5, rows - bad + 0.5
    below, above = betainc(a, b, expected), betaincc(a, b, expected)
    two_sided = np.minimum(2 * np.minimum(below, above), 1.0)
    low, high = betaincinv(a, b, 0.025), betaincinv(a, b, 0.975)
    columns = {
        "rows": rows,
        "bad": bad,
        "mean_probability": expected,
        "bad_rate": bad / rows,
        # As usual for this interval, a rate of 0 or 1 is never outside it (Brown, Cai and DasGupta, 2001).
        "low": np.where(bad == 0, 0.0, low),
        "high": np.where(bad == rows, 1.0, high),
        "p_too_low": below,
        "p_two_sided": two_sided,
        "holm_too_low": holm(below),
        "holm_two_sided": holm(two_sided),
    }
    return {name: column.tolist() for name, column in columns.items()}


def _row(table: dict[str, list[Any]], i: int) -> dict[str, Any]:
    row = {name: column[i] for name, column in table.items()}
    if row["holm_too_low"] < LEVEL:
        return {**row, "verdict": "too low"}
    too_high = row["holm_two_sided"] < LEVEL and row["bad_rate"] < row["mean_probability"]
    return {**row, "verdict": "too high" if too_high else "in line"}
