"""The five steps of watching and retraining, from nothing to a served challenger, by the README's script."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from tests.processes import PROGRAMS

SCRIPT = Path(__file__).with_name("watch.sh")
MOST_SECONDS = 600


def test_the_five_steps_end_with_a_promoted_challenger_that_is_served_and_shown() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AVAL_")}
    began = time.monotonic()
    done = subprocess.run(
        ["bash", SCRIPT],
        env={**kept, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", "BENTOML_DO_NOT_TRACK": "True"},
        capture_output=True,
        text=True,
        timeout=2 * MOST_SECONDS,
        check=False,
    )
    seconds = time.monotonic() - began
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert done.stdout.rstrip().endswith("was promoted and is served")
    assert seconds < MOST_SECONDS
