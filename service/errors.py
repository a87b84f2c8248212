"""What a user did wrong or a place lacks, in one line that says what to do next. Only doors translate these."""

from __future__ import annotations


class AvalError(Exception):
    """Base of errors whose text is meant for the user; `status` is the HTTP status, `exit_code` the command's."""

    status = 500
    exit_code = 2


class NoSuchModel(AvalError):
    """The model store holds no such model or champion."""

    status = 503


class ModelRefused(AvalError):
    """The stored model is damaged or forged and was not loaded."""

    status = 503


class UnreadableInput(AvalError):
    """A file that cannot be read as records of the use case."""

    status = 422


class WrongUse(AvalError):
    """An option or name that does not exist, or a place that cannot be written."""

    status = 400
