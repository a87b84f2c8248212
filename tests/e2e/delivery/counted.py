"""Whether a replica counts what the nightly job decided, with the job's own files of it.

    python -m tests.e2e.delivery.counted FOLDER SCORED

FOLDER holds the compose.yaml of a project that is up, SCORED the Parquet files of the job.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tests.e2e.delivery.stack import Stack

REPLICA = "online-1"
PATIENCE = 120.0
CLOSE = 1e-6


def main() -> None:
    stack, scored = Stack(Path(sys.argv[1])), Path(sys.argv[2])
    batch = [pq.read_table(file, columns=["probability"])["probability"] for file in scored.glob("*.parquet")]
    decided = np.concatenate([column.to_numpy() for column in batch])
    online = [probability for _, _, probability in stack.decisions()]
    expected = float(np.concatenate([decided, online]).mean())
    found = mean_probability(_counted(stack, len(decided)))
    if abs(found - expected) > CLOSE:
        sys.exit(f"{REPLICA} counts a mean probability of {found:.6f}, and {expected:.6f} was decided")
    sys.stdout.write(f"{REPLICA} counts {len(online):,} decisions and {len(decided):,} of the nightly job\n")


def mean_probability(board: dict[str, Any]) -> float:
    """Return the mean of P(bad) over all decisions that a dashboard tells of."""
    models = board["models"]
    total = sum(model["decisions"] * (model["mean_probability"] or 0.0) for model in models)
    return float(total / sum(model["decisions"] for model in models))


def _counted(stack: Stack, batch: int) -> dict[str, Any]:
    """Return the dashboard once everything is counted; asking for it is what starts the counting."""
    deadline, said = time.monotonic() + PATIENCE, "nothing"
    while time.monotonic() < deadline:
        try:
            board = _dashboard(stack)
        except OSError as error:
            said = str(error)
        else:
            if board["caught_up"] and sum(board["volume"]["batch"]) == batch:
                return board
            said = f"{board['behind']} entries to count, {sum(board['volume']['batch'])} of the job counted"
        time.sleep(1)
    sys.exit(f"{REPLICA} had not counted {batch} decisions of the job within {PATIENCE:g} s: {said}")


def _dashboard(stack: Stack) -> dict[str, Any]:
    address = f"http://{stack.address(REPLICA)}/dashboard.json"
    request = urllib.request.Request(address, headers={"x-api-key": stack.key})
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # our own address
        return dict(json.load(answer))


if __name__ == "__main__":
    main()
