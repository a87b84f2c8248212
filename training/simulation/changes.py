"""What changes in a simulation, in the usual terms, and from which week on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from service.errors import WrongUse
from service.scoring.contract import Contract, Level

_NUMBER = r"\d+(?:\.\d+)?"
_WEEKS = re.compile(rf"(?P<what>.+)@(?P<first>{_NUMBER})(?:-(?P<full>{_NUMBER}))?")
_AMOUNT = re.compile(rf"(?P<level>.*?)(?P<sign>[+*-])(?P<number>{_NUMBER})(?P<sd>sd)?")


class Change(StrEnum):
    """What changes of P(x, bad).

    covariate: P(x), with P(bad | x) as it was. prior: P(bad), with P(x | bad) as it was. concept: what a column says
    of P(bad | x). calibration: the level of P(bad | x), or its spread, with the order of the records as it was.
    """

    COVARIATE = "covariate"
    PRIOR = "prior"
    CONCEPT = "concept"
    CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared change; first and full: weeks since the start at which it begins and is complete.

    amount: standard deviations by which a column's mean moves, or log-odds: of a level's share, of bad, or of bad per
    standard deviation of a column. factor: what calibrated log-odds are multiplied by, instead of an amount.
    """

    change: Change
    text: str
    first: float
    full: float
    amount: float = 0.0
    factor: float = 1.0
    column: str = ""
    level: Level | None = None

    def strength(self, week: float) -> float:
        """Return how much of it is in force, from 0 to 1, so many weeks after the start."""
        if week < self.first or self.full <= self.first:
            return float(week >= self.first)
        return min((week - self.first) / (self.full - self.first), 1.0)

    @property
    def selects(self) -> bool:
        """Whether it changes who comes, rather than what becomes of them."""
        return self.change in (Change.COVARIATE, Change.PRIOR)


def read_change(change: Change, text: str, contract: Contract) -> Declared:
    """Read a change as it is typed.

    COLUMN=+0.5sd@8 or COLUMN=LEVEL+0.7@8 for covariate and concept (there without sd: log-odds per standard
    deviation), +0.5@8 for prior and calibration, *0.8@8 for the spread of calibration; @8-12 grows evenly from week 8
    to week 12. Raises `WrongUse` with what can be typed.
    """
    weeks = _WEEKS.fullmatch(text.strip())
    if weeks is None:
        raise _not_one(change, text)
    column, _, rest = weeks["what"].rpartition("=")
    amount = _AMOUNT.fullmatch(rest)
    by_column = change in (Change.COVARIATE, Change.CONCEPT)
    if amount is None or bool(column) != by_column:
        raise _not_one(change, text)
    level = _level(contract, column, amount["level"], text) if column else None
    number, sign = float(amount["number"]), amount["sign"]
    expected_sd = change is Change.COVARIATE and level is None
    if bool(amount["sd"]) != expected_sd or (
        sign == "*" and (change is not Change.CALIBRATION or not number)
    ):
        raise _not_one(change, text)
    if not by_column and amount["level"]:
        raise _not_one(change, text)
    first, full = float(weeks["first"]), float(weeks["full"] or weeks["first"])
    if full < first:
        raise WrongUse(
            f"--{change} {text}: week {full:g} is before week {first:g}; write the earlier one first"
        )
    if sign == "*":
        return Declared(change, text, first, full, factor=number)
    signed = -number if sign == "-" else number
    return Declared(change, text, first, full, signed, column=column, level=level)


def in_force(changes: tuple[Declared, ...], week: float) -> list[str]:
    """Return the changes that have begun, as they were declared."""
    return [f"{item.change} {item.text}" for item in changes if week >= item.first]


def _level(contract: Contract, name: str, text: str, typed: str) -> Level | None:
    """Return the level that a change is about, None for a number; only inputs can change."""
    if name not in contract.inputs:
        raise WrongUse(f"{typed}: {name!r} is not one of: {', '.join(contract.inputs)}")
    column = contract.by_name.get(name)
    levels: tuple[Level, ...] = column.levels if column else ()
    found = next((level for level in levels if str(level) == text), None)
    if levels and found is None:
        allowed = ", ".join(map(str, levels))
        raise WrongUse(
            f"{typed}: {text!r} is no level of {name}; write {name}=LEVEL+0.7@8 with one of: {allowed}"
        )
    if text and not levels:
        raise WrongUse(f"{typed}: {name} is a number; write {name}=+0.5sd@8, or as a concept {name}=+0.5@8")
    return found


def _not_one(change: Change, text: str) -> WrongUse:
    return WrongUse(
        f"--{change} {text!r} is not of the form {_FORMS[change]} (from week 8 on; @8-12: by and by)"
    )


_FORMS = {
    Change.COVARIATE: "COLUMN=+0.5sd@8 or COLUMN=LEVEL+0.7@8",
    Change.PRIOR: "+0.5@8",
    Change.CONCEPT: "COLUMN=+0.8@8 or COLUMN=LEVEL+0.8@8",
    Change.CALIBRATION: "+0.3@8 or *0.8@8",
}
