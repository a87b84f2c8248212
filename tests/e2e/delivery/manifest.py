"""Whether a batch run accounts for every row: `python -m tests.e2e.delivery.manifest MANIFEST ROWS`."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    manifest, rows = json.loads(Path(sys.argv[1]).read_text("utf-8")), int(sys.argv[2])
    found = {name: manifest[name] for name in ("rows_in", "rows_scored", "rows_quarantined")}
    if found != {"rows_in": rows, "rows_scored": rows, "rows_quarantined": 0}:
        sys.exit(f"{sys.argv[1]} tells {found} of {rows} records that are all good")
    sys.stdout.write(f"{rows:,} records scored, none refused\n")


if __name__ == "__main__":
    main()
