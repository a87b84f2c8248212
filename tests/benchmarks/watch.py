"""Runs a command and says what it cost: its time, its processors' time and the most memory of all its processes.

    python tests/benchmarks/watch.py OUTPUT COMMAND [ARGUMENT …]

Prints JSON. What the command prints goes into the file OUTPUT. It runs as a process of its own, and imports little,
because a process that starts another is counted in the other's memory until that has begun.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

import psutil

# Seldom enough to take nothing from what is watched: a look costs some milliseconds.
SECONDS_BETWEEN_LOOKS = 0.1
# The unit of `ru_maxrss`.
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    output, *command = sys.argv[1:]
    start, most = time.perf_counter(), 0
    with open(output, "wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        tree = psutil.Process(process.pid)
        while not _ended(process):
            most = max(most, _memory(tree))
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "exit_code": process.returncode,
        "seconds": seconds,
        "processor_seconds": used.ru_utime + used.ru_stime,
        # The kernel's figure is exact, and of the largest process alone.
        "peak_bytes": max(most, used.ru_maxrss * MAXRSS_BYTES),
    }
    sys.stdout.write(json.dumps(found) + "\n")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(SECONDS_BETWEEN_LOOKS)
    except subprocess.TimeoutExpired:
        return False
    return True


def _memory(tree: psutil.Process) -> int:
    total = 0
    try:
        for process in (tree, *tree.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


if __name__ == "__main__":
    main()
