"""Programs that scripts of infra/ need."""

from __future__ import annotations

import os
import shutil

import pytest


def needed(*programs: str) -> None:
    """Skip the test where a program is missing; under AVAL_REQUIRE=1 fail it."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    reason = f"not on the path: {', '.join(missing)}"
    if os.environ.get("AVAL_REQUIRE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
