"""What a champion pointer says: which model with which policy, since when, by whom, why, and what it replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """How a champion came to be: a model promoted, an earlier champion taken back, or another policy."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Override:
    """Whose name stands for a promotion in spite of a failed gate, and the reason given."""

    by: str
    because: str


@dataclass(frozen=True, slots=True)
class Earlier:
    """A champion that another one replaced; `change` is the number of the change that made it champion."""

    model: str
    registry_version: str
    policy: str | None = None
    change: int = 0


@dataclass(frozen=True, slots=True)
class Champion:
    """Which stored model a use case is served with, since when and by whose command.

    policy: version of the policy in use, None for the bundle's own. gates_sha256: of the canonical JSON of the
    gates' results in the promotion record, "" for none. previous: where a rollback leads, None if nowhere.
    change: number of the change that made it champion, counted from 1 for each use case; 0 before there were numbers.
    """

    model: str
    registry_version: str
    promoted_at: str
    promoted_by: str
    policy: str | None = None
    why: str = ""
    override: Override | None = None
    gates_sha256: str = ""
    previous: Earlier | None = None
    action: Action = Action.PROMOTE
    change: int = 0

    @property
    def as_earlier(self) -> Earlier:
        """What is kept of it once it is replaced."""
        return Earlier(self.model, self.registry_version, self.policy, self.change)

    def to_json(self) -> dict[str, Any]:
        """Return the champion as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Any) -> Champion:
        """Read a champion, also one written before policy, reasons and numbers were kept.

        Raises `ValueError` or `TypeError` for anything else.
        """
        if not isinstance(body, dict):
            raise TypeError(f"an object is needed, not {type(body).__name__}")
        override = _part(body, "override")
        previous = _part(body, "previous")
        found = cls(
            **{
                **body,
                "override": None if override is None else Override(**override),
                "previous": None if previous is None else Earlier(**previous),
                "action": Action(body.get("action", Action.PROMOTE)),
            }
        )
        _expect_texts(
            found, "model", "registry_version", "promoted_at", "promoted_by", "why", "gates_sha256", "policy"
        )
        _expect_number(found.change)
        if found.override is not None:
            _expect_texts(found.override, "by", "because")
        if found.previous is not None:
            _expect_texts(found.previous, "model", "registry_version", "policy")
            _expect_number(found.previous.change)
        return found


def _part(body: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    part = body.get(name)
    if part is not None and not isinstance(part, dict):
        raise TypeError(f"{name} is not an object")
    return part


def _expect_texts(part: Champion | Override | Earlier, *names: str) -> None:
    for name in names:
        value = getattr(part, name)
        # A champion may be without a policy, and without nothing else.
        if not isinstance(value, str) and (name, value) != ("policy", None):
            raise TypeError(f"{name} is {value!r}, which is not text")


def _expect_number(value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"change is {value!r}, which is not the number of a change")
