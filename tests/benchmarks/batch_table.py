"""What the batch benchmark found, as lines for a terminal and as a table for the README."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OURS = {"aval": "this", "aval_logged": "this, decisions logged"}
TOLD = {
    **OURS,
    "pandas": "pandas loop",
    "joblib": "pandas loop, joblib on all processors",
    "mlflow": "pandas loop, MLflow's pyfunc",
    "pandas_one": "pandas loop, one model in place of five",
    "copy": "read and written again by pyarrow, not scored",
}
HEAD = f"{'':14s}{'':10s}{'rows':>12s}{'seconds':>10s}{'rows/s':>12s}{'CPU s/10^6':>12s}{'peak MB':>9s}"


@dataclass(frozen=True)
class Row:
    """Medians of a way's runs over a file of `rows` rows. processor: seconds of all processors per million rows."""

    name: str
    ending: str
    rows: int
    seconds: float
    per_second: float
    processor: float
    peak_mb: float
    runs: int


def line(row: Row) -> str:
    """Return a row as it is shown as soon as it is there."""
    return (
        f"{row.name:14s}{row.ending:10s}{row.rows:12,d}{row.seconds:10.1f}{row.per_second:12,.0f}"
        f"{row.processor:12.2f}{row.peak_mb:9,.0f}"
    )


def ratios(rows: Sequence[Row]) -> list[str]:
    """Return what this service comes to against the others, each over the largest file that it had."""
    largest = {(row.name, row.ending): row for row in sorted(rows, key=lambda row: row.rows)}
    lines = [""]
    for (name, ending), ours in largest.items():
        others = [row for row in largest.values() if row.ending == ending and row.name not in OURS]
        if name in OURS and others:
            told = ", ".join(f"{ours.per_second / row.per_second:.2f} x {row.name}" for row in others)
            lines.append(f"{name} {ending}, {ours.rows:,} rows: {told}")
    return lines


def markdown(rows: Sequence[Row]) -> list[str]:
    """Return a table: a line for each way, a column for each size with rows per second and the most memory."""
    sizes = sorted({row.rows for row in rows})
    found = {(row.name, row.ending, row.rows): row for row in rows}
    ways = list(dict.fromkeys((row.name, row.ending) for row in rows))
    head = "".join(f" {size:,} rows |" for size in sizes)
    lines = [f"| rows/s, most memory in MB |{head}", "|---|" + "---|" * len(sizes)]
    for name, ending in ways:
        cells = "".join(f" {_cell(found.get((name, ending, size)))} |" for size in sizes)
        lines.append(f"| {TOLD[name]}, {_KINDS[ending]} |{cells}")
    return lines


def _cell(row: Row | None) -> str:
    return "-" if row is None else f"{row.per_second:,.0f}, {row.peak_mb:,.0f}"


_KINDS = {".parquet": "Parquet", ".csv": "CSV"}
