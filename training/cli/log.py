"""Commands about the decision log: log verify, anchor, show, erase, retain."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.errors import UnreadableInput, WrongUse
from training.cli.arguments import AsJson
from training.cli.erasure import erase_records, retain_for
from training.cli.log_place import NOTHING_TO_DO, SAID_NO, log_address, segment_store
from training.console import complain, progress, say, say_json

if TYPE_CHECKING:
    from service.decision_log.anchors import Anchor

log_app = typer.Typer(
    no_args_is_help=True, help="The decision log: checked, anchored, read, and erased from."
)


_COUNTED = ("writers", "entries", "parts", "erased", "anchors", "segments", "segment_rows")
log_app.command("erase")(erase_records)
log_app.command("retain")(retain_for)


@log_app.command()
def verify(
    anchor: Annotated[
        list[Path] | None, typer.Option(help="file with anchors, also among other lines; can be given again")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check chains, records, anchors and files of batch decisions; exit code 1 where any is not what was written."""
    from service.decision_log.reading import reading
    from service.decision_log.segments.verify import verify_segments
    from service.decision_log.verify import verify as verify_log

    anchors = [found for file in anchor or () for found in _read_anchors(file)]
    began = time.perf_counter()
    with progress("verifying the decision log") as step, reading(log_address()) as connection:
        done = verify_log(connection, anchors, lambda entries: step(f"{entries:,} entries"))
        verify_segments(segment_store(), done, lambda rows: step(f"{rows:,} batch decisions"))
    seconds = time.perf_counter() - began
    listed = [
        {"writer": item.writer, "seq": item.seq, "about": item.about, "what": item.what}
        for item in done.listed
    ]
    if as_json:
        counts = {name: getattr(done, name) for name in _COUNTED}
        body = {"holds": done.holds, **counts, "found": done.found, "listed": listed}
        say_json({**body, "seconds": round(seconds, 3)})
    else:
        for item in listed:
            say(f"writer {item['writer']}, seq {item['seq']}, about {item['about'] or '-'}: {item['what']}")
        say(
            f"{'the log holds' if done.holds else f'{done.found:,} discrepancies'}: {done.entries:,} entries of "
            f"{done.writers:,} writers, {done.parts:,} parts of records as written, {done.erased:,} erased, "
            f"{done.anchors:,} anchors, {done.segments:,} segments of {done.segment_rows:,} batch decisions; "
            f"{done.entries / max(seconds, 1e-9):,.0f} entries/s"
        )
    if not done.holds:
        raise typer.Exit(SAID_NO)


@log_app.command("anchor")
def take_anchor(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="file to add them to; default: standard output")
    ] = None,
) -> None:
    """Note the end of every chain, as lines of JSON, to be kept where whoever can alter the log cannot alter them."""
    from service.decision_log.anchors import Anchor, heads
    from service.decision_log.reading import reading

    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    with reading(log_address()) as connection:
        lines = [Anchor(head, now).to_line() for head in heads(connection)]
    if not lines:
        complain("the decision log has no entry yet")
        raise typer.Exit(NOTHING_TO_DO)
    if output is None:
        for line in lines:
            say(line)
        return
    with output.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    complain(f"{len(lines):,} anchors added to {output}")


@log_app.command()
def show(
    about: Annotated[str, typer.Argument(metavar="ID", help="a decision_id, an explanation_id or a segment")],
    as_json: AsJson = False,
) -> None:
    """A decision with its record, outcomes, reviews and whatever else was said of it."""
    from service.decision_log.reading import find, reading
    from service.decision_log.segments.records import find_decision

    with reading(log_address()) as connection:
        found = find(connection, about)
    found = found or find_decision(segment_store(), about)
    if found is None:
        raise WrongUse(f"the decision log has no entry about {about!r}")
    body = {
        "decision": _logged(found.decision),
        "outcomes": [_logged(item) for item in found.outcomes],
        "reviews": [_logged(item) for item in found.reviews],
        "others": [_logged(item) for item in found.others],
    }
    if as_json:
        say_json(body)
        return
    for item in (found.decision, *found.outcomes, *found.reviews, *found.others):
        for name, value in _logged(item).items():
            if value not in (None, "", {}, []):
                say(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")
        say("")


def _read_anchors(file: Path) -> list[Anchor]:
    from service.decision_log.anchors import read_anchors

    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            return read_anchors(lines, str(file))
    except OSError as error:
        raise UnreadableInput(f"{file} cannot be read: {error.strerror or error}") from None


def _logged(item: Any) -> dict[str, Any]:
    from service.decision_log.statements import iso

    row = item.row
    names = ("kind", "use_case", "about", "decision", "probability", "model", "policy", "contract")
    return {
        "at": iso(row.at),
        **{name: getattr(row, name) for name in (*names, "request_id", "key_id", "writer", "seq")},
        # A segment's decisions, packed, are for no eye.
        "details": {name: value for name, value in item.details.items() if name != "by_row"},
        "inputs": item.inputs,
        "personal": item.personal,
        "erased": [str(part) for part in item.erased],
    }
