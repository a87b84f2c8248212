"""The tables of monitoring; whoever opens their database makes those that are missing.

`monitoring_events` is only ever added to. The others are counted from the decision log and can be deleted: they are
then counted again.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData()

EVENTS = Table(
    "monitoring_events",
    METADATA,
    # SQLite numbers rows by themselves only where the column is exactly its INTEGER.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("use_case", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("use_case", "kind", "key"),
    Index("monitoring_events_by_time", "use_case", "at"),
)

# One row per rollup: `version` grows with whatever is counted into it, `holder` may count until `until`.
FOLLOWERS = Table(
    "monitoring_followers",
    METADATA,
    Column("use_case", Text, primary_key=True),
    Column("rollup", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

# Up to which of its entries a writer of the decision log is counted.
POSITIONS = Table(
    "monitoring_positions",
    METADATA,
    Column("use_case", Text, primary_key=True),
    Column("rollup", Text, primary_key=True),
    Column("writer", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

# `day` is since 1970, in UTC; `counts` is JSON: lists of numbers by name.
ROLLUPS = Table(
    "monitoring_rollups",
    METADATA,
    Column("use_case", Text, primary_key=True),
    Column("rollup", Text, primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("policy", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("counts", Text, nullable=False),
)
