"""An alarm on calibration that may be looked at every day: bets against the probabilities, and what they have won.

Each bet starts with a fair stake on one way of being wrong, from one day on, and is multiplied by a likelihood ratio
with every outcome. While P(bad) is within the tolerated shift of the truth, no bet grows in the mean, nor does their
average: it is a nonnegative supermartingale, which ever reaches 1 / alpha with a probability of at most alpha (Ville,
1939). So the evidence may be looked at after every outcome (Shafer and Vovk, 2019; Ramdas, Gruenwald, Vovk and Shafer,
2023), and stopped at will. Decisions enter once they have matured, whatever their outcome: what becomes known of
younger ones is known of the bad ones first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray, log_odds
from training.performance.figures import Known
from training.performance.maturity import DAY

# Shifts of the log-odds, and slopes about the usual log-odds, that bets are on; the nearest wins about as fast as
# one on the truth would.
_SHIFTS = (0.2, 0.3, 0.45, 0.7, 1.0, 1.5)
_TIMID, _EXTREME = (1.25, 1.5, 2.0, 3.0), (0.8, 0.65, 0.5, 0.25)
# Bets start on each of the latest days: a change is found whenever it comes. Within any year of looks twice as many
# days are among the latest of some look, and their stakes must not add up to more than 1.
STARTS = 365
_STAKE = 1 / (2 * STARTS)
# Evidence is shown up to here: more would say nothing more.
_MOST = 1e12


@dataclass(frozen=True)
class Alarm:
    """What the bets on outcomes of `rows` matured decisions say.

    evidence: what a stake of 1, spread over all bets, is worth now, `most` at its best: 1 / alpha is an alarm. raised:
    whether it was reached and has not been lost again. `raised_on`, `since`: the day of the look on which it was
    reached first, and the day of decision from which the strongest bet starts, an estimate of the change.
    `direction`: what the strongest bets are on.
    """

    alpha: float
    rows: int
    evidence: float
    most: float
    raised: bool
    raised_on: str | None
    since: str | None
    direction: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return asdict(self) | {"threshold": 1 / self.alpha}


@dataclass(frozen=True)
class Entering:
    """Cases with an outcome, when they were decided, and when their outcome could be counted (microseconds)."""

    known: Known
    at: npt.NDArray[np.int64]
    counted_at: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bounds:
    """What an alarm is on: alpha, the tolerated shift in log-odds, and the log-odds about which slopes turn."""

    alpha: float
    tolerated: float
    centre: float


class Look(NamedTuple):
    """The evidence at the end of a day (days since 1970), as a logarithm, and where the strongest bet stands."""

    day: int
    evidence: float
    since: int
    direction: str


def calibration_alarm(entering: Entering, bounds: Bounds) -> Alarm:
    """Return the alarm on calibration after a look on every day on which an outcome could be counted."""
    looks = list(daily_looks(entering, bounds))
    rows, level = len(entering.at), log(1 / bounds.alpha)
    if not looks:
        return Alarm(bounds.alpha, rows, 0.0, 0.0, False, None, None, None)
    last, most = looks[-1], max(look.evidence for look in looks)
    first = next((look.day for look in looks if look.evidence >= level), None)
    raised = first is not None and last.evidence >= 0
    return Alarm(
        bounds.alpha,
        rows,
        _shown(last.evidence),
        _shown(most),
        raised,
        None if first is None else _day(first),
        _day(last.since) if raised else None,
        last.direction if raised else None,
    )


def daily_looks(entering: Entering, bounds: Bounds) -> Iterator[Look]:
    """Yield the evidence at the end of every day on which an outcome could be counted."""
    if not len(entering.at):
        return
    bets = _bets(bounds)
    groups, first_day, days = _grouped(entering, bets, bounds)
    won = np.zeros((days, len(bets)))
    newest = 0
    for position, (look, day, gains) in enumerate(groups):
        # Every bet that started on the day of decision or before.
        won[: day + 1] += gains
        newest = max(newest, day)
        if position + 1 == len(groups) or groups[position + 1].look != look:
            oldest = max(0, newest - STARTS + 1)
            yield _look(look, won[oldest : newest + 1], oldest + first_day, bets)


class _Bet(NamedTuple):
    """log-odds = intercept + slope * log-odds, and which way of being wrong that is."""

    intercept: float
    slope: float
    direction: str
    stake: float


class _Group(NamedTuple):
    """What outcomes of one day of decision, counted on one day, multiply each bet by, as a logarithm (bets,)."""

    look: int
    day: int
    gains: FloatArray


def _bets(bounds: Bounds) -> list[_Bet]:
    shifts = [shift for shift in _SHIFTS if shift > bounds.tolerated] or [2 * bounds.tolerated]
    kinds: list[tuple[str, Sequence[tuple[float, float]]]] = [
        ("too low", [(shift, 1.0) for shift in shifts]),
        ("too high", [(-shift, 1.0) for shift in shifts]),
        ("too extreme", [_about(slope, bounds.centre) for slope in _EXTREME]),
        ("too timid", [_about(slope, bounds.centre) for slope in _TIMID]),
    ]
    return [
        _Bet(intercept, slope, direction, _STAKE / len(kinds) / len(lines))
        for direction, lines in kinds
        for intercept, slope in lines
    ]


def _about(slope: float, centre: float) -> tuple[float, float]:
    return centre * (1 - slope), slope


def _grouped(entering: Entering, bets: Sequence[_Bet], bounds: Bounds) -> tuple[list[_Group], int, int]:
    """Return the gains by day of look and of decision, in this order, the first day of decision and how many days."""
    days, looks = entering.at // DAY, entering.counted_at // DAY
    order = np.lexsort((days, looks))
    days, looks = days[order], looks[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(looks) != 0) | (np.diff(days) != 0)])
    x, bad = log_odds(entering.known.probabilities)[order], entering.known.bad[order]
    gains = np.stack([np.add.reduceat(_gains(bet, x, bad, bounds.tolerated), starts) for bet in bets], axis=1)
    first = int(days.min())
    rows = zip(looks[starts].tolist(), (days[starts] - first).tolist(), gains, strict=True)
    return [_Group(*row) for row in rows], first, int(days.max()) - first + 1


def _gains(bet: _Bet, x: FloatArray, bad: FloatArray, tolerated: float) -> FloatArray:
    """Return the log of each outcome's likelihood under the bet over that under the nearest tolerated log-odds.

    The ratio's mean is 1 where the truth is that nearest, and less where it lies further away from the bet.
    """
    against = bet.intercept + bet.slope * x
    nearest = np.clip(against, x - tolerated, x + tolerated)
    gains: FloatArray = bad * (against - nearest) - (np.logaddexp(0, against) - np.logaddexp(0, nearest))
    return gains


def _look(day: int, won: FloatArray, first_day: int, bets: Sequence[_Bet]) -> Look:
    stakes = np.log([bet.stake for bet in bets])
    worth = won + stakes
    top = float(worth.max())
    relative = np.exp(worth - top)
    by_direction: dict[str, float] = {}
    for bet, sum_ in zip(bets, relative.sum(axis=0).tolist(), strict=True):
        by_direction[bet.direction] = by_direction.get(bet.direction, 0.0) + sum_
    since = int(np.argmax(relative.sum(axis=1)))
    evidence = top + log(float(relative.sum()))
    return Look(day, evidence, first_day + since, max(by_direction, key=by_direction.__getitem__))


def _shown(evidence: float) -> float:
    return exp(min(evidence, log(_MOST)))


def _day(days: int) -> str:
    return str(np.datetime64(days, "D"))
