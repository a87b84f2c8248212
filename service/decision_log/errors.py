"""What the decision log raises. No text holds a password: addresses are written without one."""

from __future__ import annotations

from service.errors import AvalError


class LogDown(AvalError):
    """The entries were not accepted, because nothing durable could be written; try again later."""


class LogBusy(LogDown):
    """The entries were not accepted, because too many wait already."""


class LogRefused(AvalError):
    """A decision log that cannot be used as it is: a wrong address, a newer schema, a file that is no database."""


class KeyReused(AvalError):
    """An idempotency key that has already been used with another body."""
