"""The decision log: every answered decision, kept durably, in order, and so that any alteration is found."""

from __future__ import annotations

from service.decision_log.chain import Break, Head, Row, breaks, entry_hash, part_digest
from service.decision_log.entries import Claim, Entry, Kind, Part, Record
from service.decision_log.errors import KeyReused, LogDown, LogRefused

__all__ = [
    "Break",
    "Claim",
    "Entry",
    "Head",
    "KeyReused",
    "Kind",
    "LogDown",
    "LogRefused",
    "Part",
    "Record",
    "Row",
    "breaks",
    "entry_hash",
    "part_digest",
]
