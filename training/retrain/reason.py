"""Why a model is retrained, or is not: what the evidence advises, or that it is time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from service.errors import AvalError
from training.retrain.challenger import Method
from training.retrain.ending import End, NothingYet

SCHEDULE, DRIFT, DEGRADATION = "schedule", "drift", "degradation"
BECAUSE = (SCHEDULE, DRIFT, DEGRADATION, "request")


@dataclass(frozen=True)
class Reason:
    """Why a retraining is begun, what is to be made, in words, and the advice that it rests on (JSON data or None)."""

    because: str
    method: Method
    text: str
    advice: Mapping[str, Any] | None = None

    @property
    def changed(self) -> int:
        """When the probabilities began to be wrong, as far as an alarm tells; microseconds since 1970, UTC, or 0."""
        alarm = {} if self.advice is None else self.advice["figures"].get("alarm") or {}
        return microseconds(f"{alarm['since']}T00:00:00Z") if alarm.get("since") else 0

    def to_json(self) -> dict[str, Any]:
        """Return the reason as JSON data."""
        return {**asdict(self), "method": str(self.method)}


def microseconds(moment: str) -> int:
    """Return an ISO 8601 time with its zone in microseconds since 1970, UTC."""
    return round(datetime.fromisoformat(moment).timestamp() * 1_000_000)


class PersonNeeded(AvalError):
    """The evidence calls for a person: no model is made before somebody has looked."""

    exit_code = End.PERSON.exit_code


@dataclass(frozen=True)
class Age:
    """How old the present model is: when it was made champion, or last challenged, and when it is due again."""

    last: int
    now: int
    every_days: int
    time_zone: str

    @property
    def days(self) -> int:
        """Whole days on the calendar: a weekly job is never an hour too early."""
        zone = ZoneInfo(self.time_zone)
        last, now = (
            datetime.fromtimestamp(at / 1e6, UTC).astimezone(zone).date() for at in (self.last, self.now)
        )
        return (now - last).days

    @property
    def due(self) -> bool:
        """Whether it is time for a retraining without any other reason."""
        return self.days >= self.every_days


def advised_reason(advice: Mapping[str, Any] | None, age: Age) -> Reason:
    """Return the reason that the advice of a look gives, or else that it is time.

    advice: as `aval drift` gives it, None without one. Raises `PersonNeeded`, or `NothingYet` where there is no reason.
    """
    action = "wait" if advice is None else str(advice["action"])
    said = "; ".join(advice["because"]) if advice is not None else "too few decisions to look at"
    if action == "person":
        raise PersonNeeded(f"a person should look before anything is retrained: {said}")
    if action in set(Method):
        # Only what is measured on outcomes shows a model degraded; an unknown population is drift.
        measured = advice is not None and not advice["figures"].get("other_population")
        return Reason(DEGRADATION if measured else DRIFT, Method(action), said, advice)
    if not age.due:
        raise NothingYet(
            f"no reason to retrain: {said}; the model was made or challenged {age.days} days ago and is due after "
            f"{age.every_days}; wait, or give a reason with --because"
        )
    return Reason(
        SCHEDULE, Method.RETRAIN, f"{age.days} days since it was made or challenged; {said}", advice
    )
