"""The process itself: a garbage collector that halts no request, short turns, and a folder that its siblings share."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from pathlib import Path

import psutil

# Young objects are looked at every 50,000, everything every 50,000 * 20 * 50: a full look halts every request, and what
# was loaded before the first one is frozen, so that there is little to be found.
THRESHOLDS = (50_000, 20, 50)


# Seconds that a thread may keep the interpreter while another waits. The decision log's thread needs it for a few
# microseconds at a time, several times for each commit; with Python's 5 ms decisions waited longer for it than for
# the disk.
TURN = 0.001


def settle() -> None:
    """Take what is loaded out of the collector's sight, and shorten turns; once, before the first request."""
    sys.setswitchinterval(TURN)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def restart_workers_everywhere() -> None:
    """Have BentoML start a worker again that died, in its image too; to be called in the master.

    There it would not, and leave what work there is to the other workers, or the container to its end.
    """
    os.environ.pop("BENTOML_CONTAINERIZED", None)


def folder_of_siblings(runs: Path) -> Path:
    """Return the folder that all workers of this process's master share and nobody else, made if need be.

    Folders of masters that have ended are removed. BentoML's own folder for this is one for all services of a user, and
    every start of any of them empties it.
    """
    mine = runs / _name_of(psutil.Process(os.getppid()))
    for folder in runs.glob("*-*"):
        if folder != mine and not _is_running(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    mine.mkdir(parents=True, exist_ok=True)
    return mine


def _name_of(master: psutil.Process) -> str:
    # A number is used again some day, and in a container at every start.
    return f"{master.pid}-{int(master.create_time() * 100)}"


def _is_running(name: str) -> bool:
    try:
        return _name_of(psutil.Process(int(name.partition("-")[0]))) == name
    except (psutil.Error, ValueError):
        return False
