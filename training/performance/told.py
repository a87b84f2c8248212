"""What became of observed decisions, as far as the decision log has been told."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from sqlalchemy import Connection, select

from service.decision_log.entries import Kind
from service.decision_log.reading import reading
from service.decision_log.segments.store import SegmentStore
from service.decision_log.streams import stream
from service.decision_log.tables import ENTRIES
from service.scoring.arithmetic import FloatArray

if TYPE_CHECKING:
    from training.monitoring.observed import Observed

_ROWS_AT_ONCE = 20_000
_DETAILS = pa.schema([("bad", pa.bool_()), ("observed_at", pa.string()), ("correction", pa.int64())])


@dataclass(frozen=True)
class Told:
    """Outcomes of decisions (rows,): bad is 1, 0, or NaN where nothing was told.

    observed_at: microseconds since 1970, UTC, 0 where nothing was told. Told several times, the last correction counts.
    """

    bad: FloatArray
    observed_at: npt.NDArray[np.int64]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which rows (rows,) have an outcome."""
        return ~np.isnan(self.bad)


def told(store: SegmentStore, use_case: str, observed: Observed, until: int) -> Told:
    """Return what was told before `until` (microseconds since 1970, UTC) about observed decisions, row by row.

    Raises `LogRefused` for a log that cannot be read.
    """
    bad, observed_at = np.full(len(observed.about), np.nan), np.zeros(len(observed.about), np.int64)
    with reading(store.address) as connection:
        said = [_columns(block) for block in _blocks(connection, use_case, until)]
    if not said or not len(observed.about):
        return Told(bad, observed_at)
    outcomes = pa.concat_tables(said)
    rows = pc.index_in(outcomes["about"], value_set=pa.array(observed.about, pa.string()))
    # The last of several values for one row stays, so the highest correction comes last.
    ours = outcomes.append_column("row", rows).filter(pc.is_valid(rows)).sort_by("correction")
    at = ours["row"].to_numpy()
    bad[at] = ours["bad"].to_numpy().astype(np.float64)
    observed_at[at] = ours["observed_at"].to_numpy()
    return Told(bad, observed_at)


def _blocks(connection: Connection, use_case: str, until: int) -> Iterator[list[tuple[str, str]]]:
    query = select(ENTRIES.c.about, ENTRIES.c.details).where(
        ENTRIES.c.use_case == use_case, ENTRIES.c.kind == str(Kind.OUTCOME), ENTRIES.c.at < until
    )
    rows = iter(stream(connection, query))
    while block := [(row.about, row.details) for row in islice(rows, _ROWS_AT_ONCE)]:
        yield block


def _columns(block: list[tuple[str, str]]) -> pa.Table:
    """Return outcomes as columns about, bad, observed_at (microseconds), correction."""
    lines = "\n".join(details for _, details in block).encode()
    table = pj.read_json(
        io.BytesIO(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pj.ParseOptions(explicit_schema=_DETAILS, unexpected_field_behavior="ignore"),
    )
    moments = table["observed_at"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return pa.table(
        {
            "about": pa.array([about for about, _ in block], pa.string()),
            "bad": table["bad"],
            "observed_at": moments,
            "correction": table["correction"],
        }
    )
