"""What a user did wrong or a place lacks, in one line that says what to do next. Only doors translate these."""

from __future__ import annotations


class AvalError(Exception):
    """Base of errors whose text is meant for the user; `exit_code` is the command's."""

    exit_code = 2


class NoSuchModel(AvalError):
    """The model store holds no such model or champion."""


class ModelRefused(AvalError):
    """The stored model is damaged or forged and was not loaded."""


class UnreadableInput(AvalError):
    """A file that cannot be read as records of the use case."""


class WrongUse(AvalError):
    """An option or name that does not exist, or a place that cannot be written."""
