"""The user who runs a command, as records name them."""

from __future__ import annotations

import getpass
import os


def user() -> str:
    """Return the name of the user who runs this, or the number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user often has no name.
        return f"uid {os.getuid()}"
