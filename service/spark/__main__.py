"""`python -m service.spark USE_CASE INPUT OUTPUT`, also for `spark-submit`: the file door's command, on Spark."""

from __future__ import annotations

import signal
import sys

from service.batch.__main__ import main

if __name__ == "__main__":
    # A polite request to end tidies up; parts that are whole are kept for the next time.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main(["--engine", "spark", *sys.argv[1:]]))
