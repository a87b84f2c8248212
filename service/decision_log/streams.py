"""Rows of a query as a stream: however many there are, a few are in memory at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Executable

ROWS_AT_ONCE = 2_000


def stream(connection: Connection, query: Executable) -> Iterator[Any]:
    """Yield the rows of a query; its cursor is closed when they end, or nobody wants more of them."""
    # Not by the connection's own options: everything executed on it from then on would be a stream.
    with connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}) as rows:
        yield from rows
