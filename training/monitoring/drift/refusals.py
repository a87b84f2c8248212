"""What was refused: the share of records that the contract does not accept, and for which fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from training.monitoring.drift.judging import REFUSED, Status
from training.monitoring.drift.reference import Reference
from training.monitoring.drift.significance import of_shares
from training.monitoring.observed import Observed

# Without history: what is refused where nothing is wrong, as if it had been counted on so many records.
_USUAL = (10, 1_000)


@dataclass(frozen=True, slots=True)
class FieldRefused:
    """How often records were refused for a field, and their share of all that came; `level` is a new level."""

    field: str
    code: str
    records: int
    share: float
    reference_share: float | None


@dataclass(frozen=True, slots=True)
class RefusalDrift:
    """Records that came, were refused online, and set aside by batch runs (of these the fields are not known).

    rate: the share refused or set aside. reference_rate: before, None where nobody counted. p: that it has not risen.
    """

    received: int
    refused: int
    quarantined: int
    rate: float
    reference_rate: float | None
    p: float | None
    fields: tuple[FieldRefused, ...]
    status: Status

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        names = ("field", "code", "records", "share", "reference_share")
        fields = [{name: getattr(item, name) for name in names} for item in self.fields]
        plain = ("received", "refused", "quarantined", "rate", "reference_rate", "p")
        return {**{name: getattr(self, name) for name in plain}, "fields": fields, "status": str(self.status)}


def refusal_drift(observed: Observed, reference: Reference, level: float) -> RefusalDrift:
    """Return whether more is refused than before; without history, than one record in a hundred."""
    count = observed.refused.records + observed.refused.quarantined
    before = _before(reference)
    usual = before or _USUAL
    rate = count / max(observed.received, 1)
    p = of_shares(usual, (count, observed.received))
    return RefusalDrift(
        received=observed.received,
        refused=observed.refused.records,
        quarantined=observed.refused.quarantined,
        rate=rate,
        reference_rate=None if before is None else before[0] / before[1],
        p=p,
        fields=_fields(observed, reference),
        status=REFUSED.judge(rate - usual[0] / usual[1], p, level),
    )


def _before(reference: Reference) -> tuple[int, int] | None:
    refused = reference.refused
    if refused is None or not reference.received:
        return None
    return refused.records + refused.quarantined, reference.received


def _fields(observed: Observed, reference: Reference) -> tuple[FieldRefused, ...]:
    before = None if reference.refused is None else reference.refused.fields
    received = max(reference.received, 1)
    return tuple(
        FieldRefused(
            field,
            code,
            records,
            records / max(observed.received, 1),
            None if before is None else before.get((field, code), 0) / received,
        )
        for (field, code), records in sorted(
            observed.refused.fields.items(), key=lambda item: (-item[1], item[0])
        )
    )
