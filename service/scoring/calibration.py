"""From the raw score (log-odds of the predictor) to P(bad), by a curve that never falls."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from service.scoring.arithmetic import FloatArray, Number, logistic, surprisals
from service.scoring.errors import BundleInvalid, expect_keys, expect_number

Method = Literal["none", "temperature", "platt", "beta", "isotonic"]
MOST_KNOTS = 100
_LARGEST_KNOT = 1e6
# A raw score is read to 2**-40, so that a step of it outweighs the rounding of what beta makes of it.
_GRID = 1.5 * 2.0**12
# Raw scores nearer than this are the same to an explanation: a ratio of their differences would be noise.
_SAME = 1e-11


@dataclass(frozen=True, slots=True)
class Beta:
    """Log-odds = a ln p - b ln(1 - p) + c, with p = logistic(raw score) and a, b >= 0 (Kull et al., 2017)."""

    a: float
    b: float
    c: float

    def log_odds(self, raw_score: Number) -> Number:
        """Return the log-odds of bad."""
        of_bad, of_good = surprisals((raw_score + _GRID) - _GRID)
        return (of_good * self.b - of_bad * self.a) + self.c

    def slope_at(self, raw_score: float) -> float:
        """Return the derivative, which goes from a at low scores to b at high ones."""
        p = logistic(raw_score)
        return self.a * (1.0 - p) + self.b * p


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Straight lines between knots (raw score, log-odds), level beyond the first and the last."""

    raw_scores: tuple[float, ...]
    log_odds_at: tuple[float, ...]

    def log_odds(self, raw_score: Number) -> Number:
        """Return the log-odds of bad."""
        xs, ys = self.raw_scores, self.log_odds_at
        if isinstance(raw_score, np.ndarray):
            x, y = np.array(xs), np.array(ys)
            within = np.clip(raw_score, x[0], x[-1])
            left = np.searchsorted(x[1:-1], within, side="right")
            line = (within - x[left]) * (y[left + 1] - y[left]) / (x[left + 1] - x[left]) + y[left]
            # Rounding may carry a line past its end, and the next one starts exactly there.
            kept: FloatArray = np.minimum(line, y[left + 1])
            return kept
        at = min(max(raw_score, xs[0]), xs[-1])
        i = bisect_right(xs, at, 1, len(xs) - 1) - 1
        return min((at - xs[i]) * (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]) + ys[i], ys[i + 1])

    def slope_at(self, raw_score: float) -> float:
        """Return the slope of the line at a raw score, at a knot of the one to its right."""
        xs, ys = self.raw_scores, self.log_odds_at
        if not xs[0] <= raw_score <= xs[-1]:
            return 0.0
        i = bisect_right(xs, raw_score, 1, len(xs) - 1) - 1
        return (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i])


@dataclass(frozen=True, slots=True)
class Calibrator:
    """P(bad) = logistic(curve(raw score) + offset); without a curve, the line slope * raw score + intercept.

    `none` is slope 1 and intercept 0, `temperature` has intercept 0, `platt` both (Platt, 1999, on log-odds instead
    of on scores). `offset` corrects the prior: what the population's log-odds of bad are above the sample's.
    """

    method: Method = "none"
    slope: float = 1.0
    intercept: float = 0.0
    offset: float = 0.0
    curve: Beta | Isotonic | None = None

    def probability(self, raw_score: Number) -> Number:
        """Return P(bad) of one raw score, or of an array of them."""
        return logistic(self.log_odds(raw_score))

    def log_odds(self, raw_score: Number) -> Number:
        """Return the calibrated log-odds of bad; they never fall as the raw score rises."""
        if self.curve is None:
            return raw_score * self.slope + (self.intercept + self.offset)
        return self.curve.log_odds(raw_score) + self.offset

    def explained(self, contributions: FloatArray, raw_score: float, reference: float) -> FloatArray:
        """Return contributions (inputs,) to the calibrated log-odds, from those to the raw score.

        They add up to `log_odds(raw_score) - log_odds(reference)`. A line multiplies by its slope. A curve has one
        rule: each is scaled by the calibrated difference over the raw one, so that shares and signs stay; where the
        two raw scores are the same, by the curve's slope there.
        """
        if self.curve is None:
            return contributions * self.slope
        difference = raw_score - reference
        if abs(difference) < _SAME:
            return contributions * self.curve.slope_at(raw_score)
        return contributions * ((self.log_odds(raw_score) - self.log_odds(reference)) / difference)

    def to_json(self) -> dict[str, Any]:
        """Return the calibrator as JSON data."""
        if isinstance(self.curve, Isotonic):
            xs, ys = list(self.curve.raw_scores), list(self.curve.log_odds_at)
            return {"method": self.method, "raw_scores": xs, "log_odds": ys, "offset": self.offset}
        parameters = asdict(self.curve) if self.curve else {"slope": self.slope, "intercept": self.intercept}
        return {"method": self.method, **parameters, "offset": self.offset}

    @classmethod
    def from_json(cls, body: Any) -> Calibrator:
        """Read a calibrator; raises `BundleInvalid` for an unknown method, or a curve that falls or is not finite.

        Bundles made before there was an offset have none: it is 0.
        """
        method = body.get("method") if isinstance(body, dict) else None
        if not isinstance(method, str) or method not in _READERS:
            raise BundleInvalid(f"calibrator: {_seen(body)} is not one of: {', '.join(_READERS)}")
        return _READERS[method](method, {"offset": 0.0, **body})


def _seen(body: Any) -> str:
    return f"method {body.get('method')!r}" if isinstance(body, dict) else f"method of {type(body).__name__}"


def _read_line(method: Method, body: dict[str, Any]) -> Calibrator:
    expect_keys(body, {"method", "slope", "intercept", "offset"}, "calibrator")
    slope, intercept, offset = (_number(body, name) for name in ("slope", "intercept", "offset"))
    if slope <= 0:
        raise BundleInvalid(f"calibrator: slope={slope} would turn the ranking round; it must be above 0")
    if (method != "platt" and intercept != 0) or (method == "none" and slope != 1):
        raise BundleInvalid(f"calibrator: slope={slope}, intercept={intercept} is not of method {method!r}")
    return Calibrator(method, slope, intercept, offset)


def _read_beta(method: Method, body: dict[str, Any]) -> Calibrator:
    names = [field.name for field in fields(Beta)]
    expect_keys(body, {"method", "offset", *names}, "calibrator")
    curve = Beta(*(_number(body, name) for name in names))
    if not (min(curve.a, curve.b) >= 0 < max(curve.a, curve.b)):
        raise BundleInvalid(
            f"calibrator: a={curve.a}, b={curve.b} would turn the ranking round; both must be at least 0, one above 0"
        )
    return Calibrator(method, offset=_number(body, "offset"), curve=curve)


def _read_isotonic(method: Method, body: dict[str, Any]) -> Calibrator:
    expect_keys(body, {"method", "raw_scores", "log_odds", "offset"}, "calibrator")
    xs, ys = _knots(body, "raw_scores"), _knots(body, "log_odds")
    if len(xs) != len(ys):
        raise BundleInvalid(f"calibrator: {len(xs)} raw_scores and {len(ys)} log_odds; they must be as many")
    if not all(a < b for a, b in pairwise(xs)):
        raise BundleInvalid("calibrator: raw_scores must rise from knot to knot")
    if not (all(a <= b for a, b in pairwise(ys)) and ys[0] < ys[-1]):
        raise BundleInvalid("calibrator: log_odds must not fall from knot to knot, and must rise in all")
    return Calibrator(method, offset=_number(body, "offset"), curve=Isotonic(xs, ys))


def _knots(body: dict[str, Any], name: str) -> tuple[float, ...]:
    knots = body[name]
    if not isinstance(knots, list) or not 2 <= len(knots) <= MOST_KNOTS:
        seen = len(knots) if isinstance(knots, list) else type(knots).__name__
        raise BundleInvalid(f"calibrator {name}: expected a list of 2 to {MOST_KNOTS} knots, found {seen}")
    values = tuple(expect_number(value, f"calibrator {name}") for value in knots)
    if max(map(abs, values)) > _LARGEST_KNOT:
        raise BundleInvalid(
            f"calibrator {name}: a knot lies beyond {_LARGEST_KNOT:g}: {max(values, key=abs)}"
        )
    return values


def _number(body: dict[str, Any], name: str) -> float:
    return expect_number(body[name], f"calibrator {name}")


_READERS: dict[str, Callable[[Any, dict[str, Any]], Calibrator]] = {
    "none": _read_line,
    "temperature": _read_line,
    "platt": _read_line,
    "beta": _read_beta,
    "isotonic": _read_isotonic,
}
