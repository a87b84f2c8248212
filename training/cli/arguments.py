"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

UseCaseName = Annotated[
    str,
    typer.Argument(
        metavar="USE_CASE", help="a name (see: aval use-cases), or the path of a file of your own"
    ),
]
Version = Annotated[str | None, typer.Option(help="registry version; default: the challenger")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of text")]
