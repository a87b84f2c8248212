"""The outputs of batch runs held against their manifest: verify."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from service.settings import Settings
from training.cli.arguments import AsJson
from training.cli.log_place import SAID_NO
from training.console import progress, say, say_json

if TYPE_CHECKING:
    from service.batch.verifying import Verified


def verify(
    manifest: Annotated[
        str,
        typer.Argument(
            metavar="MANIFEST", help="that stands beside an output, or a folder's; here or in s3://"
        ),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="INPUT", help="compare these inputs too; can be given again"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out again all that a manifest says: hashes, rows, decisions, scores, findings; exit code 1 where it differs.

    Whether the decision log holds the same decisions says: aval log verify.
    """
    from service.batch.verifying import verify as verify_manifest
    from service.places import S3Options

    began = time.perf_counter()
    s3 = S3Options(kms_key=Settings.from_environment().s3_kms_key)
    with progress("verifying") as step:
        done = verify_manifest(manifest, inputs or (), s3, step)
    if as_json:
        say_json(done.as_json())
    else:
        _say(done, time.perf_counter() - began)
    if not done.holds:
        raise typer.Exit(SAID_NO)


def _say(done: Verified, seconds: float) -> None:
    for what in done.differences:
        say(what)
    told, rows = done.manifest, done.manifest.tally.rows_in
    compared = (
        f"{done.inputs:,} of {len(told.inputs):,} inputs compared" if done.inputs else "inputs not compared"
    )
    count = len(done.differences)
    verdict = "the manifest holds" if done.holds else f"{count:,} difference{'' if count == 1 else 's'}"
    say(
        f"{verdict}: {rows:,} rows in {len(told.outputs):,} files, {compared}; {rows / max(seconds, 1e-9):,.0f} rows/s"
    )
