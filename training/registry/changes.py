"""How one champion follows from another: by promotion, rollback or another policy; and the record of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from service.errors import ModelRefused, NoSuchModel, WrongUse
from service.model_store import Action, Champion, Override, read_beside
from service.scoring.bundle import PROMOTION
from service.scoring.errors import canonical_json
from training.registry.version import Version
from training.user import user

Gate: TypeAlias = Mapping[str, Any]
Record: TypeAlias = dict[str, Any]
# Renders the model card of a version and its promotion record: contents by name.
MakeCard: TypeAlias = Callable[[Version, Record], Mapping[str, bytes]]


@dataclass(frozen=True)
class Judged:
    """What gates said before a change, and the tag of the champion that they compared with."""

    gates: Sequence[Gate] = ()
    against: str | None = None

    @property
    def blocking(self) -> list[str]:
        """Codes of the failed gates that forbid a promotion."""
        failed = [gate for gate in self.gates if (gate["severity"], gate["status"]) == ("blocks", "fail")]
        return [str(gate["code"]) for gate in failed]

    @property
    def sha256(self) -> str:
        """SHA-256 of the results' canonical JSON, "" for none."""
        return hashlib.sha256(canonical_json(list(self.gates))).hexdigest() if self.gates else ""


def promoted(
    found: Version, last: Champion | None, past: Sequence[Champion], why: str, override: Override | None
) -> Champion:
    """Return the champion that a version becomes, with its bundle's own policy; a rollback leads to the last one."""
    return Champion(
        model=found.tag,
        registry_version=found.number,
        promoted_at=_now(),
        promoted_by=user(),
        why=why,
        override=override,
        previous=last.as_earlier if last else None,
        change=_next(past),
    )


def rolled_back(last: Champion, past: Sequence[Champion], why: str) -> Champion:
    """Return the champion before the last one, model and policy; one more rollback leads to the one before that.

    It never leads forth again: what it leads to is what led to that champion when it was made one. Raises
    `NoSuchModel` where there is none.
    """
    target, use_case = last.previous, last.model.partition(":")[0]
    if target is None:
        raise NoSuchModel(
            f"{use_case} has no champion before {last.model} to go back to; see: aval history {use_case}"
        )
    origin = next((pointer for pointer in past if pointer.change == target.change), None)
    return Champion(
        model=target.model,
        registry_version=target.registry_version,
        promoted_at=_now(),
        promoted_by=user(),
        policy=target.policy,
        why=why,
        override=origin.override if origin else None,
        gates_sha256=origin.gates_sha256 if origin else "",
        previous=origin.previous if origin else None,
        action=Action.ROLLBACK,
        change=_next(past),
    )


def with_other_policy(last: Champion, past: Sequence[Champion], policy: str | None, because: str) -> Champion:
    """Return the last champion with another policy, None for the bundle's own; a rollback leads to the one before."""
    return replace(
        last,
        promoted_at=_now(),
        promoted_by=user(),
        policy=policy,
        why=because,
        previous=last.as_earlier,
        action=Action.POLICY,
        change=_next(past),
    )


def record_of(pointer: Champion, found: Version, judged: Judged) -> Record:
    """Return the promotion record, as it stands beside the bundle and in MLflow."""
    override = pointer.override
    return {
        "use_case": found.use_case,
        "version": pointer.registry_version,
        "change": pointer.change,
        "model": pointer.model,
        "policy": found.scorer.policy.version,
        "action": str(pointer.action),
        "promoted_at": pointer.promoted_at,
        "promoted_by": pointer.promoted_by,
        "why": pointer.why,
        "override": None if override is None else {"by": override.by, "because": override.because},
        "gates": [dict(gate) for gate in judged.gates],
        "against": judged.against,
    }


def judged_before(pointer: Champion) -> Judged:
    """Return what the record beside a champion's bundle says of its gates, if they are those that the pointer means."""
    try:
        record = json.loads(read_beside(pointer.model).get(PROMOTION, b"{}"))
        found = Judged(record.get("gates", ()), record.get("against"))
        return found if found.sha256 == pointer.gates_sha256 else Judged()
    except (ValueError, TypeError, AttributeError):
        return Judged()


def judged_now(gates: Sequence[Gate], found: Version, before: Champion | None, default: str | None) -> Judged:
    """Return what gates say of a version that is to follow the champion `before`; the change's lock is held.

    Gates that name whom they compared with must have meant that champion; `default` is taken for those that name
    nobody. Raises `ModelRefused` where the champion changed meanwhile.
    """
    named = [gate["against"] for gate in gates if "against" in gate]
    # A version is not compared with itself.
    present = before.model if before and before.model != found.tag else None
    if any(tag != present for tag in named):
        raise ModelRefused(
            f"the gates of {found.tag} compared it with {_or_nobody(named)}, and the champion to compare with is "
            f"{_or_nobody([present])}: the champion changed meanwhile; promote again"
        )
    return Judged(gates, present if named else default)


def expect_passed(found: Version, judged: Judged, override: Override | None) -> None:
    """Raise `ModelRefused` for a failed gate that blocks, unless a second person stands for it."""
    if judged.blocking and override is None:
        raise ModelRefused(
            f"{found.tag} (version {found.number}) may not be promoted, because of {', '.join(judged.blocking)}; "
            "train a better one, or promote with an override"
        )


def check_override(override: Override | None) -> None:
    """Raise `WrongUse` unless a second person stands for the override and says why."""
    if override is None:
        return
    if not override.by.strip() or not override.because.strip():
        raise WrongUse(
            "an override needs a name and a reason: --override-by NAME --override-because TEXT; "
            f"seen: {override.by!r} and {override.because!r}"
        )
    if override.by.strip().casefold() == user().casefold():
        raise WrongUse(
            f"--override-by {override.by}: that is who promotes; a second person must stand for the override"
        )


def expect_reason(why: str, option: str) -> None:
    """Raise `WrongUse` for an empty reason."""
    if not why.strip():
        raise WrongUse(f"a reason is needed: {option} TEXT")


def _or_nobody(tags: Sequence[str | None]) -> str:
    return ", ".join(sorted({tag or "nobody" for tag in tags}))


def _next(past: Sequence[Champion]) -> int:
    return 1 + max((pointer.change for pointer in past), default=0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
