"""When a shift is worth telling: it must be large, and it must be more than chance shows in a year of daily looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

LOOKS_A_YEAR = 365


class Status(StrEnum):
    """What is to be said of a figure: nothing, take note, act; or there was too little to say anything."""

    OK = "ok"
    WARN = "warn"
    ALARM = "alarm"
    FEW = "few"


@dataclass(frozen=True, slots=True)
class Bounds:
    """From where on an effect is taken note of, and from where on it is an alarm."""

    warn: float
    alarm: float

    def judge(self, effect: float | None, p: float | None, level: float) -> Status:
        """Return the status of an effect of this size, whose p-value must not be above the level."""
        if effect is None or p is None:
            return Status.FEW
        if p > level or effect < self.warn:
            return Status.OK
        return Status.ALARM if effect >= self.alarm else Status.WARN


# What industry reads population stability indices by (Siddiqi, 2006).
STABILITY = Bounds(0.1, 0.25)
# Of the AUC that tells new records from old ones; half is a coin.
APART = Bounds(0.6, 0.7)
# Shares of records refused, above what is usual.
REFUSED = Bounds(0.01, 0.05)
# Log-odds of the bad rate; 0.3 is the shift that calibration is watched for.
PRIOR = Bounds(0.3, 0.7)


def level_of_a_test(alpha: float, tests: int) -> float:
    """Return the level of each of so many tests a day, such that a year has a false alarm with at most `alpha`.

    Bonferroni's bound over the tests and the days: it holds however they depend on one another, as they do, for what
    is looked at today was mostly looked at yesterday.
    """
    return alpha / (LOOKS_A_YEAR * max(tests, 1))


def worst(statuses: Sequence[Status]) -> Status:
    """Return the gravest of some statuses; OK where there is none."""
    order = (Status.ALARM, Status.WARN, Status.OK, Status.FEW)
    return min(statuses, key=order.index, default=Status.OK)
