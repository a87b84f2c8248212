"""What spools of this machine hold, and the decision log therefore does not: erasing from the log does not reach it."""

from __future__ import annotations

import os
from pathlib import Path

from service.decision_log.spool import ENDING, SET_ASIDE


def spooled_files(folder: Path) -> list[Path]:
    """Return the spools in a folder that hold entries, set aside or not; the folder if it cannot be looked into."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError:
        return [folder]
    return [folder / name for name in names if name.endswith((ENDING, SET_ASIDE)) and _holds(folder / name)]


def _holds(file: Path) -> bool:
    try:
        with file.open("rb") as lines:
            # The first line of a spool names its writer; of one set aside nothing is sure.
            if file.suffix == ENDING:
                lines.readline()
            return any(line.strip() for line in lines)
    except FileNotFoundError:
        # Its process brought everything into the log meanwhile.
        return False
    except OSError:
        return True
