"""Which decision log commands are about, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.errors import WrongUse
from service.settings import Settings

if TYPE_CHECKING:
    from service.decision_log.segments.store import SegmentStore

# Exit codes: a check said no; there was nothing to do.
SAID_NO, NOTHING_TO_DO = 1, 3


def log_address() -> str:
    """Return the address of the decision log; raises `WrongUse` where it is switched off."""
    address = Settings.from_environment().decision_log
    if address is None:
        raise WrongUse("there is no decision log: AVAL_DECISION_LOG=off; set it to the log's address")
    return address


def segment_store() -> SegmentStore:
    """Return where the log keeps the decisions of batch runs; raises `WrongUse` as `log_address` does."""
    from service.decision_log.segments.store import SegmentStore
    from service.places import S3Options, place_of

    settings = Settings.from_environment()
    return SegmentStore(log_address(), place_of(settings.segments, S3Options(kms_key=settings.s3_kms_key)))
