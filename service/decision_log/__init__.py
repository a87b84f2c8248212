"""The decision log: every answered decision, kept durably, in order, and so that any alteration is found."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.decision_log.address import reading_engine
    from service.decision_log.chain import Break, Head, Row, breaks, entry_hash, part_digest
    from service.decision_log.entries import Claim, Entry, Kind, Part, Record
    from service.decision_log.errors import KeyReused, LogBusy, LogDown, LogRefused
    from service.decision_log.log import DecisionLog, open_log
    from service.decision_log.orders import Prepared, Resolution, prepare

__all__ = [
    "Break",
    "Claim",
    "DecisionLog",
    "Entry",
    "Head",
    "KeyReused",
    "Kind",
    "LogBusy",
    "LogDown",
    "LogRefused",
    "Part",
    "Prepared",
    "Record",
    "Resolution",
    "Row",
    "breaks",
    "entry_hash",
    "open_log",
    "part_digest",
    "prepare",
    "reading_engine",
]
_MODULES = ("chain", "entries", "errors", "orders", "address", "log")


def __getattr__(name: str) -> Any:
    """Import what is asked for: who only writes segments, or has switched the log off, needs no database."""
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{one}" for one in _MODULES)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
