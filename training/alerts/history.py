"""All incidents of a use case, derived from its looks alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from training.alerts.finding import OF_A_MODEL, Finding, kind_of, more_severe
from training.alerts.incident import Change, Incident, Step, opened
from training.alerts.looks import NumberedLook

_HOUR = 3_600_000_000
# Looks without a finding that follow on one another at once are one look at the same decisions.
APART = 12 * _HOUR
# A look that is older than one before it by less took long. By more: the clock of the one before was wrong.
MOST_LATE = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class History:
    """incidents: in the order in which they began. changes: every step of every incident, in order."""

    incidents: tuple[Incident, ...]
    changes: tuple[Change, ...]


def history(use_case: str, looks: Sequence[NumberedLook]) -> History:
    """Return what follows from looks, in the order of their numbers.

    A look that is a little older than one before it (a clock was set back, a look took long) may open an incident and
    keep it, for nothing found may be lost; that it has not found something is no news, and ends nothing. Nor is it
    news within 12 hours of the look that was heeded last. What was found about a model ends with the first look at
    another one.
    """
    latest: dict[str, Incident] = {}
    ended: list[Incident] = []
    changes: list[Change] = []
    for look in looks:
        for key in sorted({*latest, *look.found}):
            for now in _after(use_case, key, latest.get(key), look):
                was = latest.get(key)
                if was is not None and was.episode != now.episode:
                    ended.append(was)
                latest[key] = now
                if step := _step(was, now):
                    changes.append(Change(step, now, look.at))
    in_order = sorted([*ended, *latest.values()], key=lambda incident: (incident.opened_at, incident.key))
    return History(tuple(in_order), tuple(changes))


def _after(use_case: str, key: str, was: Incident | None, look: NumberedLook) -> Iterator[Incident]:
    """Yield what becomes of an incident, one state for each step; nothing where nothing does."""
    if was is not None and _of_another_model(was, look):
        was = replace(was, recovered_at=look.at)
        yield was
    now = _judged(use_case, key, was, look)
    if now is not None and now.is_open:
        now = replace(now, channels=now.channels | look.channels)
    if now is not None and now != was:
        yield now


def _of_another_model(was: Incident, look: NumberedLook) -> bool:
    if not was.is_open or kind_of(was.key) not in OF_A_MODEL or "" in (was.model, look.model):
        return False
    return was.model != look.model and not _late(look.at, was.seen_at)


def _judged(use_case: str, key: str, was: Incident | None, look: NumberedLook) -> Incident | None:
    finding = look.found.get(key)
    if finding is not None:
        return _found(use_case, was, finding, look)
    if was is None or not was.is_open or kind_of(key) in look.unjudged:
        return was
    return _missed(was, look)


def _found(use_case: str, was: Incident | None, finding: Finding, look: NumberedLook) -> Incident:
    if was is None:
        return opened(use_case, finding, 1, look.at, look.model)
    if was.is_open:
        return _kept(was, finding, look.at)
    # A late look that falls into an incident which has ended since tells nothing new.
    if _late(look.at, was.recovered_at or 0):
        return was
    return opened(use_case, finding, was.episode + 1, look.at, look.model)


def _kept(was: Incident, finding: Finding, at: int) -> Incident:
    severity = more_severe(was.severity, finding.severity)
    if _late(at, was.seen_at):
        return replace(was, severity=severity)
    return replace(
        was,
        severity=severity,
        title=finding.title,
        figures=finding.figures,
        seen_at=at,
        missed=0,
        missed_at=None,
    )


def _missed(was: Incident, look: NumberedLook) -> Incident:
    heeded = was.seen_at if was.missed_at is None else was.missed_at
    if heeded - look.at > MOST_LATE:
        # Counted from the clock as it is now.
        return replace(was, missed_at=look.at)
    if look.at - heeded < APART:
        return was
    missed = was.missed + 1
    over = look.at if missed >= look.looks_to_recover else None
    return replace(was, missed=missed, missed_at=look.at, recovered_at=over)


def _late(at: int, than: int) -> bool:
    return 0 < than - at <= MOST_LATE


def _step(was: Incident | None, now: Incident) -> Step | None:
    if was is None or was.episode != now.episode:
        return "opened"
    if not now.is_open:
        return "recovered"
    return None if was.severity == now.severity else "raised"
