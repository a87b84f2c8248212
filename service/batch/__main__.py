"""`python -m service.batch USE_CASE INPUT OUTPUT`: score a file with the use case's champion."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from service.batch.run import score_file
from service.errors import AvalError, WrongUse
from service.model_store import load_scorer
from service.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Score one file and return the exit code: 0 done, also with quarantined rows; 2 wrong use or unreadable."""
    try:
        options = _parser().parse_args(arguments)
        scorer = load_scorer(options.use_case, Settings.from_environment().bentoml_home)
        manifest = score_file(
            scorer, options.input, options.output, reasons=options.reasons, threads=options.threads
        )
    except AvalError as error:
        sys.stderr.write(f"aval: error: {' '.join(str(error).split())}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    report = json.dumps(manifest.as_json(), indent=1) if options.json else manifest.summary()
    sys.stdout.write(f"{report}\n")
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message}; {' '.join(self.format_usage().split())}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m service.batch", description=__doc__)
    parser.add_argument("use_case", metavar="USE_CASE", help="a use case, or use_case:version")
    parser.add_argument("input", metavar="INPUT", type=Path, help="a .csv, .csv.gz or .parquet file")
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="the .csv or .parquet file to write")
    parser.add_argument("--reasons", action="store_true", help="add reason codes to what is not approved")
    parser.add_argument("--threads", type=int, help="scoring threads (default: one per processor)")
    parser.add_argument("--json", action="store_true", help="print the manifest")
    return parser


if __name__ == "__main__":
    # A polite request to end removes what was begun, as any error does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
