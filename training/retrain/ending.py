"""How `aval retrain` can end, and by which exit code scripts tell one end from another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from service.errors import AvalError


class End(StrEnum):
    """What became of a retraining."""

    PROMOTED = "promoted"
    KEPT = "kept"
    REFUSED = "refused"
    REJECTED = "rejected"
    PERSON = "person"
    NOTHING_YET = "nothing_yet"
    OVERTAKEN = "overtaken"
    WAITING = "waiting"
    AT_WORK = "at_work"

    @property
    def exit_code(self) -> int:
        """0 done, 1 no was said, 3 nothing to do yet, 4 waits for approval, 5 another at work, 6 a person must look."""
        return _CODES[self]


_CODES = {
    End.PROMOTED: 0,
    End.KEPT: 1,
    End.REFUSED: 1,
    End.REJECTED: 1,
    End.NOTHING_YET: 3,
    End.OVERTAKEN: 3,
    End.WAITING: 4,
    End.AT_WORK: 5,
    End.PERSON: 6,
}


@dataclass(frozen=True)
class Ended:
    """How it ended, in words, with the figures; `story` is "" where none was begun.

    note: what was asked for and does not count, "" where all of it does.
    """

    end: End
    text: str
    story: str = ""
    steps: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "end": str(self.end),
            "exit_code": self.end.exit_code,
            "text": self.text,
            "story": self.story or None,
            "steps": dict(self.steps),
            "note": self.note or None,
        }


class NothingYet(AvalError):
    """There is nothing to retrain yet; what there is, what is needed, and what to do, in one line."""

    exit_code = End.NOTHING_YET.exit_code


class AtWork(AvalError):
    """Another retraining of the same use case is at work."""

    exit_code = End.AT_WORK.exit_code
