"""What every benchmark is asked and answers with: its options, lines as it goes on, a report at the end."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "aval-benchmark")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path)
    return parser


def say(options: argparse.Namespace, *lines: str) -> None:
    """Print lines at once; beside --json on standard error."""
    stream = sys.stderr if options.json else sys.stdout
    stream.write("\n".join(lines) + "\n")
    stream.flush()


def hand_over(options: argparse.Namespace, report: dict[str, Any], drawing: str) -> None:
    """Draw and print the report, as far as that was asked for; drawing: the module that has `draw`."""
    if options.plot:
        # Matplotlib is imported only for a picture.
        import_module(drawing).draw(report, options.plot)
    if options.json:
        sys.stdout.write(json.dumps(report, indent=1) + "\n")
