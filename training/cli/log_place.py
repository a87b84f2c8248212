"""Which decision log commands are about, and how they end."""

from __future__ import annotations

from service.errors import WrongUse
from service.settings import Settings

# Exit codes: a check said no; there was nothing to do.
SAID_NO, NOTHING_TO_DO = 1, 3


def log_address() -> str:
    """Return the address of the decision log; raises `WrongUse` where it is switched off."""
    address = Settings.from_environment().decision_log
    if address is None:
        raise WrongUse("there is no decision log: AVAL_DECISION_LOG=off; set it to the log's address")
    return address
