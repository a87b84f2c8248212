"""`python -m service.batch USE_CASE INPUT OUTPUT`: score files with the use case's champion."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, NoReturn, get_type_hints

from service.batch.asked import Asked, Told
from service.batch.command import run
from service.batch.screen import PlainScreen
from service.errors import AvalError, WrongUse
from service.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked and return the exit code.

    0: done, also with quarantined rows and where nothing was new. 1: too many rows were refused. 2: wrong use, or what
    cannot be read. 3: no input is there yet. 5: another run is at work here; try again later.
    """
    try:
        return run(_asked(arguments), Settings.from_environment(), PlainScreen())
    except AvalError as error:
        sys.stderr.write(f"aval: error: {' '.join(str(error).split())}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message}; see: {self.prog} --help")


def _asked(arguments: Sequence[str] | None) -> Asked:
    found: dict[str, Any] = vars(_parser().parse_args(arguments))
    return Asked(**{**found, "where": tuple(found.get("where", ()))})


def _parser() -> argparse.ArgumentParser:
    # What is not given has the default that `Asked` says.
    parser = _Parser(
        prog="python -m service.batch",
        description=__doc__,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
    )
    kinds = get_type_hints(Asked)
    for item in fields(Asked):
        _add(parser, item, kinds[item.name])
    return parser


def _add(parser: argparse.ArgumentParser, item: Field[Any], kind: Any) -> None:
    told: Told = item.metadata["told"]
    explained = told.help.replace("%", "%%")
    if not told.flag:
        count = None if item.default is MISSING else "?"
        parser.add_argument(item.name, metavar=told.metavar, help=explained, nargs=count)
        return
    how: dict[str, Any] = {"dest": item.name, "help": explained}
    if kind is bool:
        how["action"] = "store_true"
    else:
        how |= {"metavar": told.metavar, "type": int if kind == int | None else str}
        how |= {"action": "append"} if kind == tuple[str, ...] else {}
    parser.add_argument(told.flag, **how)


if __name__ == "__main__":
    # A polite request to end tidies up; parts that are whole are kept for the next time.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
