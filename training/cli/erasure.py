"""Commands that erase from the decision log: log erase, retain."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from service.errors import WrongUse
from service.settings import Settings
from training.cli.arguments import AsJson
from training.cli.log_place import NOTHING_TO_DO, log_address, segment_store
from training.console import complain, progress, say, say_json
from training.user import user

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from service.decision_log.entries import Part
    from service.decision_log.erasure import Erased
    from service.decision_log.retention import Retention

PARTS = ("inputs", "personal")
DAY, HOUR = 86_400_000_000, 3_600_000_000
# Few enough that no service waits long for its turn to write.
ERASED_AT_ONCE = 100
Because = Annotated[str, typer.Option(help="why; it is recorded for good, so name nobody")]
By = Annotated[str, typer.Option(help="in whose name; it is recorded")]
InUseCase = Annotated[str | None, typer.Option("--use-case", help="of this use case alone")]


def erase_records(  # noqa: PLR0913, PLR0917  # each option is one thing that an erasure must say
    because: Because,
    by: By,
    about: Annotated[list[str] | None, typer.Option(help="a decision_id; can be given again")] = None,
    subject: Annotated[
        str | None, typer.Option(metavar="JSON", help="""ids of a person, such as '{"customer_id": "C7"}'""")
    ] = None,
    part: Annotated[
        str, typer.Option(help="inputs (what was decided on), personal (who it was), all")
    ] = "all",
    use_case: InUseCase = None,
    as_json: AsJson = False,
) -> None:
    """Erase records for good, and say so in the log, whose chains still hold; decisions and reasons stay."""
    if (about is None) == (subject is None):
        raise WrongUse("say whose records: --about ID, or --subject JSON")
    parts = _parts(part)
    address = log_address()
    _complain_of_spools()
    _finish_and_complain_of_runs()
    abouts = about or _abouts_of(address, _subject(subject or ""), use_case)
    erased, wiped = _erase(address, abouts, parts, because, by)
    if as_json:
        say_json(
            {"ids": erased.abouts, "parts": erased.parts, "kept_answers": erased.answers, "wiped": wiped}
        )
    elif erased.parts:
        say(f"{erased.parts:,} parts of records about {erased.abouts:,} ids erased; the log says so")
    else:
        say("nothing to erase: no such id, or erased before")
    if not erased.parts:
        raise typer.Exit(NOTHING_TO_DO)
    _complain_unless(wiped)


def retain_for(
    personal_days: Annotated[
        int | None, typer.Option(min=0, help="days that ids, protected columns and times are kept")
    ] = None,
    inputs_days: Annotated[
        int | None, typer.Option(min=0, help="days that the model's features are kept")
    ] = None,
    claims_hours: Annotated[
        int | None, typer.Option(min=0, help="hours that first answers to idempotency keys are kept")
    ] = None,
    use_case: InUseCase = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only count")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase what is older than that, and say so in the log; safe to break off, and to run twice at once."""
    from service.decision_log.entries import Part
    from service.decision_log.retention import Retention

    now, days = _now(), {Part.INPUTS: inputs_days, Part.PERSONAL: personal_days}
    before = {part: now - count * DAY for part, count in days.items() if count is not None}
    answers_before = None if claims_hours is None else now - claims_hours * HOUR
    if not before and answers_before is None:
        raise WrongUse("say what is to be erased by age: --personal-days, --inputs-days, --claims-hours")
    retention = Retention(before, user(), now, use_case, answers_before)
    address = log_address()
    _complain_of_spools()
    _finish_and_complain_of_runs()
    due, erased, wiped = _retain(address, retention, dry_run=dry_run)
    if as_json:
        say_json({"due": due, "erased": erased, "dry_run": dry_run, "wiped": wiped})
    else:
        shown, verb = (due, "would be erased") if dry_run else (erased, "erased")
        say(", ".join(f"{count:,} {name}" for name, count in shown.items()) + f" {verb}")
    if not any(due.values()):
        raise typer.Exit(NOTHING_TO_DO)
    _complain_unless(wiped)


def _retain(
    address: str, retention: Retention, *, dry_run: bool
) -> tuple[dict[str, int], dict[str, int], bool]:
    """Return what was due, what was erased, and whether it left the database's files."""
    from service.decision_log.reading import reading
    from service.decision_log.retention import due, retain
    from service.decision_log.scribe import writing
    from service.decision_log.segments.erasing import due_segments, retain_segments
    from service.decision_log.traces import wipe

    with reading(address) as connection:
        counts = _together(due(connection, retention), due_segments(connection, retention))
    nothing = dict.fromkeys(counts, 0)
    if dry_run or not any(counts.values()):
        return counts, nothing, True
    with progress("erasing") as step, writing(address, "aval log retain", retention.now) as scribe:
        done = retain(address, scribe, retention, lambda rows: step(f"{rows:,} rows"))
        batch = retain_segments(
            segment_store(), scribe, retention, lambda rows: step(f"{rows:,} rows of batch runs")
        )
        return counts, _together(nothing, done.erased, batch), wipe(scribe, address)


def _together(*counts: Mapping[str, int]) -> dict[str, int]:
    names = {name: None for some in counts for name in some}
    return {name: sum(some.get(name, 0) for some in counts) for name in names}


def _parts(name: str) -> tuple[Part, ...]:
    from service.decision_log.entries import Part

    if name not in (*PARTS, "all"):
        raise WrongUse(f"--part {name} is not one of: {', '.join(PARTS)}, all")
    return tuple(Part) if name == "all" else (Part(name),)


def _subject(text: str) -> dict[str, str]:
    from service.decision_log.subjects import id_text

    try:
        body = json.loads(text)
    except ValueError as error:
        raise WrongUse(f"--subject {text!r} is not JSON: {error}") from None
    if (
        not isinstance(body, dict)
        or not body
        or any(isinstance(v, dict | list | None) for v in body.values())
    ):
        raise WrongUse(f"""--subject {text!r} is not an object of ids, such as '{{"customer_id": "C7"}}'""")
    return {name: id_text(value) for name, value in body.items()}


def _abouts_of(address: str, ids: dict[str, str], use_case: str | None) -> list[str]:
    from service.decision_log.entries import Kind
    from service.decision_log.reading import reading
    from service.decision_log.segments.subjects import find_batch_abouts
    from service.decision_log.subjects import find_abouts

    with progress("looking for the person") as step:
        with reading(address) as connection:
            (found,) = find_abouts(connection, [ids], kinds=Kind, use_case=use_case)
        (batch,) = find_batch_abouts(
            segment_store(), [ids], use_case=use_case, progress=lambda rows: step(f"{rows:,} batch decisions")
        )
    return sorted(found | batch)


def _erase(
    address: str, abouts: Sequence[str], parts: tuple[Part, ...], because: str, by: str
) -> tuple[Erased, bool]:
    from service.decision_log.erasure import Erased, Wish, answers_about, erase
    from service.decision_log.reading import reading
    from service.decision_log.scribe import writing
    from service.decision_log.segments.erasing import erase_decisions
    from service.decision_log.traces import wipe

    if not abouts:
        return Erased(), True
    with reading(address) as connection:
        answers = answers_about(connection, abouts)
    now, done = _now(), Erased()
    with writing(address, "aval log erase", now) as scribe:
        for some in _some(abouts):
            done += scribe.write(erase(Wish(some, parts, because, by, now, answers)), some)
            answers = []
        done += erase_decisions(segment_store(), scribe, Wish(abouts, parts, because, by, now))
        return done, wipe(scribe, address) if done.parts else True


def _some(abouts: Sequence[str]) -> Iterable[Sequence[str]]:
    return (abouts[start : start + ERASED_AT_ONCE] for start in range(0, len(abouts), ERASED_AT_ONCE))


def _complain_unless(wiped: bool) -> None:
    if not wiped:
        complain(
            "the database was busy, or this user may not vacuum it: what was erased leaves its files with the next "
            "checkpoint or vacuum"
        )


def _complain_of_spools() -> None:
    """Say first which files hold records that are not in the log yet: they would come into it later, unerased."""
    from service.decision_log.spooled import spooled_files

    if files := spooled_files(Settings.from_environment().spool):
        complain(
            f"these files hold what is not in the log, and nothing was erased from them: {', '.join(map(str, files))}; "
            "a .spool comes into the log with the service, after which this is to be run again, and a .refused is for "
            "a person to look at and delete"
        )


def _finish_and_complain_of_runs() -> None:
    """Finish erasures that were broken off, and say which batch runs were, whose records are not in the log yet."""
    from service.decision_log.segments.erasing import finish

    store = segment_store()
    if files := finish(store):
        complain(
            f"these files in {store.place.uri} are of batch runs that are not done, and nothing was erased from them: "
            f"{', '.join(files)}; run the same aval score again, which finishes it, and then this"
        )


def _now() -> int:
    return time.time_ns() // 1000
