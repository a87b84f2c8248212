"""From the raw score (log-odds of the predictor) to P(bad)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from service.scoring.arithmetic import Number, logistic
from service.scoring.errors import BundleInvalid, expect_keys, expect_number


@dataclass(frozen=True, slots=True)
class Calibrator:
    """P(bad) = logistic(slope * raw score + intercept); `none` is slope 1, intercept 0.

    Platt (1999), on log-odds instead of on scores.
    """

    method: Literal["none", "platt"] = "none"
    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, raw_score: Number) -> Number:
        """Return P(bad) of one raw score, or of an array of them."""
        return logistic(self.log_odds(raw_score))

    def log_odds(self, raw_score: Number) -> Number:
        """Return the calibrated log-odds of bad."""
        return raw_score * self.slope + self.intercept

    def to_json(self) -> dict[str, Any]:
        """Return the calibrator as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Any) -> Calibrator:
        """Read a calibrator; raises `BundleInvalid` for an unknown method or a figure that is not finite."""
        expect_keys(body, {"method", "slope", "intercept"}, "calibrator")
        if body["method"] not in ("none", "platt"):
            raise BundleInvalid(f"calibrator: method {body['method']!r} is not one of: none, platt")
        slope = expect_number(body["slope"], "calibrator slope")
        if slope <= 0:
            raise BundleInvalid(f"calibrator: slope={slope} would turn the ranking round; it must be above 0")
        return cls(body["method"], slope, expect_number(body["intercept"], "calibrator intercept"))
