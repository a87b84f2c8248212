"""What a run came to, as names and values for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.batch.checking import Checked
from service.batch.manifest import InputFacts, Manifest, OutputFacts
from service.batch.run import Result
from service.batch.tally import Tally

Row = tuple[str, str]
LISTED = 5


def totals(result: Result, seconds: float) -> list[Row]:
    """Return what a run came to; `seconds` is what it took."""
    manifest, run = result.manifest, result.manifest.runs[-1]
    rows = [("model", f"{run.model}, policy {run.policy}"), *_this_run(manifest)]
    rows += tally_rows(manifest.tally, _many(manifest.inputs, "input"))
    if manifest.psi is not None:
        rows.append(("PSI", f"{manifest.psi:.4f} of the scores, against the model's profile"))
    rows += _output_rows([item for item in manifest.outputs if item.name in set(run.outputs)])
    rows += read_as_rows((item.name, item.read_as) for item in manifest.inputs)
    if result.continued:
        rows.append(("continued", f"{result.continued:,} rows had been done by a run that was broken off"))
    done = sum(item.rows_in for item in _of_run(manifest)) - result.continued
    return [*rows, speed_row(done, seconds)]


def tally_rows(tally: Tally, where: str) -> list[Row]:
    """Return what became of the rows, and what was wrong with those that were refused."""
    rows = [
        ("rows in", f"{tally.rows_in:,} of {where}"),
        ("scored", _part(tally.rows_scored, tally.rows_in)),
        ("quarantined", _part(tally.rows_quarantined, tally.rows_in)),
    ]
    rows += [(name, _part(count, tally.rows_scored)) for name, count in tally.by_decision.items()]
    return rows + finding_rows(tally)


def checked_rows(checked: Checked, seconds: float) -> list[Row]:
    """Return what a dry run saw."""
    tally = checked.tally
    rows = [
        ("rows in", f"{tally.rows_in:,} of {_many(checked.inputs, 'input')}"),
        ("would be quarantined", _part(tally.rows_quarantined, tally.rows_in)),
    ]
    refused = [item for item in checked.inputs if item.refused] if len(checked.inputs) > 1 else []
    rows += _shortened([("refused of", f"{item.name}: {_part(item.refused, item.rows)}") for item in refused])
    rows += finding_rows(tally) + read_as_rows((item.name, item.read_as) for item in checked.inputs)
    return [*rows, speed_row(tally.rows_in, seconds)]


def finding_rows(tally: Tally) -> list[Row]:
    """Return the most frequent findings."""
    most = tally.findings.most_common(LISTED)
    rows = [("finding", f"{count:,} x {what}") for what, count in most]
    if (more := len(tally.findings) - len(most)) > 0:
        rows.append(("", f"and {more} more kinds; --json has them all"))
    return rows


def read_as_rows(found: Iterable[tuple[str, str]]) -> list[Row]:
    """Return what was detected in inputs, by name, where it is not the rule."""
    return _shortened([("read as", f"{name}: {how}") for name, how in found if how])


def speed_row(rows: int, seconds: float) -> Row:
    """Return how fast it went."""
    return "speed", f"{rows / max(seconds, 1e-9):,.0f} rows/s, {seconds:.1f} s"


def summed_up(tally: Tally, model: str) -> str:
    """Say in one line what became of the rows."""
    decisions = ", ".join(f"{count:,} {name}" for name, count in tally.by_decision.items())
    refused = f"; {tally.rows_quarantined:,} quarantined" if tally.rows_quarantined else ""
    return f"{tally.rows_scored:,} of {tally.rows_in:,} rows scored with {model} ({decisions}){refused}"


def _this_run(manifest: Manifest) -> list[Row]:
    if len(manifest.runs) == 1:
        return []
    inputs = _of_run(manifest)
    rows = sum(item.rows_in for item in inputs)
    return [
        (
            "this run",
            f"{rows:,} rows of {_many(inputs, 'input')}; what follows is of {len(manifest.runs)} runs",
        )
    ]


def _of_run(manifest: Manifest) -> list[InputFacts]:
    names = set(manifest.runs[-1].inputs)
    return [item for item in manifest.inputs if item.name in names]


def _output_rows(outputs: Sequence[OutputFacts]) -> list[Row]:
    return _shortened(
        [("written", f"{item.name}: {item.rows:,} rows, {_bytes(item.size)}") for item in outputs]
    )


def _shortened(rows: list[Row]) -> list[Row]:
    more = len(rows) - LISTED
    return rows if more <= 0 else [*rows[:LISTED], ("", f"and {more} more files")]


def _many(items: Sequence[object], word: str) -> str:
    return f"{len(items):,} {word}{'' if len(items) == 1 else 's'}"


def _part(count: int, of: int) -> str:
    return f"{count:,} ({count / of:.2%})" if of else f"{count:,}"


def _bytes(size: int) -> str:
    return f"{size:,} bytes" if size < 10_000 else f"{size / 1e6:,.2f} MB"
