"""All incidents of a use case, derived from its looks alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from training.alerts.finding import Finding, kind_of, more_severe
from training.alerts.incident import Change, Incident, Step, opened
from training.alerts.looks import NumberedLook


@dataclass(frozen=True, slots=True)
class History:
    """incidents: in the order in which they began. changes: every step of every incident, in order."""

    incidents: tuple[Incident, ...]
    changes: tuple[Change, ...]


def history(use_case: str, looks: Sequence[NumberedLook]) -> History:
    """Return what follows from looks, in the order of their numbers.

    A look that is older than one before it (a clock was set back, a look took long) may open an incident and keep it,
    for nothing found may be lost; that it has not found something is no news, and ends nothing.
    """
    latest: dict[str, Incident] = {}
    ended: list[Incident] = []
    changes: list[Change] = []
    newest = 0
    for look in looks:
        for key in sorted({*latest, *look.found}):
            was = latest.get(key)
            now = _after(use_case, key, was, look, late=look.at < newest)
            if now is not None and now.is_open:
                now = replace(now, channels=now.channels | look.channels)
            if now is None or now == was:
                continue
            if was is not None and was.episode != now.episode:
                ended.append(was)
            latest[key] = now
            if step := _step(was, now):
                changes.append(Change(step, now, look.at))
        newest = max(newest, look.at)
    in_order = sorted([*ended, *latest.values()], key=lambda incident: (incident.opened_at, incident.key))
    return History(tuple(in_order), tuple(changes))


def _after(
    use_case: str, key: str, was: Incident | None, look: NumberedLook, *, late: bool
) -> Incident | None:
    finding = look.found.get(key)
    if finding is not None:
        return _found(use_case, was, finding, look.at)
    if was is None or not was.is_open or late or kind_of(key) in look.unjudged:
        return was
    missed = was.missed + 1
    return replace(was, missed=missed, recovered_at=look.at if missed >= look.looks_to_recover else None)


def _found(use_case: str, was: Incident | None, finding: Finding, at: int) -> Incident:
    if was is None:
        return opened(use_case, finding, 1, at)
    if was.is_open:
        return _kept(was, finding, at)
    # A late look that falls into an incident which has ended since tells nothing new.
    return was if at <= (was.recovered_at or 0) else opened(use_case, finding, was.episode + 1, at)


def _kept(was: Incident, finding: Finding, at: int) -> Incident:
    severity = more_severe(was.severity, finding.severity)
    if at < was.seen_at:
        return replace(was, severity=severity)
    return replace(was, severity=severity, title=finding.title, figures=finding.figures, seen_at=at, missed=0)


def _step(was: Incident | None, now: Incident) -> Step | None:
    if was is None or was.episode != now.episode:
        return "opened"
    if not now.is_open:
        return "recovered"
    return None if was.severity == now.severity else "raised"
