"""Which outcomes may be counted: those of decisions so old that good and bad ones are known alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from service.scoring.arithmetic import FloatArray
from service.scoring.policy import DECISIONS, Decision
from training.use_case import Monitoring

DAY = 86_400_000_000
WEEK = 7 * DAY
# Outcomes of referred and declined cases are those that somebody picked, unless nearly all of them are told.
NEARLY_ALL = 0.9
_APPROVE = DECISIONS.index(Decision.APPROVE)
# 1970-01-01 was a Thursday; weeks begin on Mondays.
_MONDAY = 4 * DAY
# What has not happened yet, in microseconds: later than any moment.
NEVER = np.iinfo(np.int64).max

Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """Of one kind of decision: how many have matured, how many of these are told, and what each told one stands for.

    weight 0: they do not count, because those that are told are not like those that are not.
    """

    decision: str
    matured: int
    told: int
    weight: float


@dataclass(frozen=True)
class Population:
    """Whom figures speak of: in words, by decision, and what to beware of."""

    text: str
    shares: tuple[Share, ...]
    cautions: tuple[str, ...]

    def weights_of(self, decisions: npt.NDArray[np.int8]) -> FloatArray:
        """Return what each decision (rows,), a position in `DECISIONS`, stands for if it is told."""
        return np.array([share.weight for share in self.shares])[decisions]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "text": self.text,
            "shares": [asdict(share) for share in self.shares],
            "cautions": list(self.cautions),
        }


def matured(at: npt.NDArray[np.int64], monitoring: Monitoring, now: int) -> Mask:
    """Return which decisions (rows,), made at these microseconds, are old enough for their outcome to be known."""
    return at + monitoring.maturity_days * DAY <= now


def settled_at(
    at: npt.NDArray[np.int64], decisions: npt.NDArray[np.int8], told_at: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return from when on each of a model's decisions (rows,) is of a week that is settled, in microseconds.

    A week is settled up to a day once nearly all of its approved cases until then are told: with fewer, those that are
    told may be the bad ones, which are told first. told_at: when each decision had matured and its outcome was
    observed, `NEVER` for not yet.
    """
    order = np.argsort(at, kind="stable")
    moments, told, approved = at[order], told_at[order], decisions[order] == _APPROVE
    settled = np.full(len(at), NEVER)
    for week in np.unique((moments - _MONDAY) // WEEK).tolist():
        begins, latest = week * WEEK + _MONDAY, NEVER
        first = int(np.searchsorted(moments, begins))
        for day in range(7, 0, -1):
            rows = slice(first, int(np.searchsorted(moments, begins + day * DAY)))
            latest = min(latest, _nearly_all_at(told[rows][approved[rows]]))
            settled[rows] = latest
    found = np.empty_like(settled)
    found[order] = settled
    return found


def population(
    decisions: npt.NDArray[np.int8],
    mature: Mask,
    known: Mask,
    monitoring: Monitoring,
    settled: Mask | None = None,
) -> Population:
    """Return whom the outcomes of decisions (rows,) speak of; `mature` and `known` are masks (rows,).

    Approved cases count. A told decline counts as 1 / share where a share of declines is accepted at random (Horvitz
    and Thompson, 1952). Without that, declined and referred cases count only if nearly all of them are told: whom a
    person accepted against the score is not like the others. settled (rows,): which of the mature ones are of a week
    that is settled; None where unsettled ones count too.
    """
    shares = [
        _share(code, int((mine := mature & (decisions == code)).sum()), int((mine & known).sum()), monitoring)
        for code in range(len(DECISIONS))
    ]
    waiting = None if settled is None else int((mature & ~settled & (decisions == _APPROVE)).sum())
    cautions = [*_of_approved(shares[_APPROVE], waiting), *_of_declined(shares, monitoring.accepted_declines)]
    return Population(_text(shares, monitoring), tuple(shares), tuple(cautions))


def cohorts(at: npt.NDArray[np.int64], bad: FloatArray, mature: Mask) -> list[dict[str, Any]]:
    """Return by week of decision how many there are, and how many are told so far, as JSON data.

    at (rows,): microseconds since 1970. bad (rows,): 1, 0, NaN for not told. `mature`: whether the whole week has.
    """
    weeks = (at - _MONDAY) // WEEK
    found = []
    for week in np.unique(weeks).tolist():
        rows = weeks == week
        told = rows & ~np.isnan(bad)
        found.append(
            {
                "week": str(np.datetime64(week * WEEK + _MONDAY, "us").astype("datetime64[D]")),
                "decisions": int(rows.sum()),
                "told": int(told.sum()),
                "bad": int(bad[told].sum()),
                "mature": bool(mature[rows].all()),
            }
        )
    return found


def _share(code: int, mature: int, told: int, monitoring: Monitoring) -> Share:
    decision = DECISIONS[code]
    if decision is Decision.APPROVE or told >= NEARLY_ALL * max(mature, 1):
        weight = 1.0
    elif decision is Decision.DECLINE and monitoring.accepted_declines > 0:
        weight = 1.0 / monitoring.accepted_declines
    else:
        weight = 0.0
    return Share(str(decision), mature, told, weight)


_WORDS = {"approve": "approved", "refer": "referred", "decline": "declined"}


def _text(shares: Sequence[Share], monitoring: Monitoring) -> str:
    counted = [_WORDS[share.decision] for share in shares if share.weight == 1.0 and share.matured]
    text = f"{_listed(counted) or 'no'} cases with an outcome, {monitoring.maturity_days} days or more old"
    if any(share.weight > 1.0 and share.told for share in shares):
        weight = 1 / monitoring.accepted_declines
        text += f"; declines accepted at random, each standing for {weight:g}"
    left_out = [_WORDS[share.decision] for share in shares if not share.weight and share.matured]
    return f"{text}; {_listed(left_out)} cases are left out" if left_out else text


def _listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    *others, last = words or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _nearly_all_at(moments: npt.NDArray[np.int64]) -> int:
    """Return the moment by which nearly all of some had happened; 0 where there are none to wait for."""
    if not len(moments):
        return 0
    last = ceil(NEARLY_ALL * len(moments) - 1e-9) - 1
    return int(np.partition(moments, last)[last])


def _of_approved(approved: Share, waiting: int | None) -> list[str]:
    if waiting:
        return [
            f"{waiting} of {approved.matured} matured approved cases do not count yet: fewer than nine of ten of their "
            "week have an outcome, and bad ones are told first"
        ]
    if waiting is None and approved.told < NEARLY_ALL * approved.matured:
        return [
            f"{approved.matured - approved.told} of {approved.matured} matured approved cases have no outcome: "
            "figures hold only if these are like the others"
        ]
    return []


def _of_declined(shares: Sequence[Share], accepted: float) -> list[str]:
    declined = shares[DECISIONS.index(Decision.DECLINE)]
    spread = 3 * sqrt(max(declined.matured * accepted * (1 - accepted), 0.25))
    if declined.weight > 1 and abs(declined.told - declined.matured * accepted) > spread:
        return [
            f"{declined.told} of {declined.matured} matured declines have an outcome, where a share of {accepted:g} "
            f"accepted at random would give about {declined.matured * accepted:.0f}: they may have been picked"
        ]
    return []
