"""The tables of the decision log, as SQLAlchemy sees them; `migrations` makes them.

`entries` is only ever added to. `records` holds the parts of an entry's record under the entry's own (writer, seq):
a row may be erased, body, salt and subject together. `claims` are idempotency keys with their first answers.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData()

SCHEMA_VERSION = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_at", BigInteger, nullable=False),
)

# One row per start of a process that writes; `about` is JSON: version of the code, model served.
WRITERS = Table(
    "writers",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("about", Text, nullable=False),
)

# The columns stand in the order of `chain.Row`.
ENTRIES = Table(
    "entries",
    METADATA,
    Column("writer", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("use_case", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("probability", Double, nullable=True),
    Column("decision", Text, nullable=True),
    Column("model", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("contract", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("inputs_digest", LargeBinary, nullable=True),
    Column("personal_digest", LargeBinary, nullable=True),
    Column("hash", LargeBinary, nullable=False),
    Index("entries_by_about", "about"),
    Index("entries_by_time", "use_case", "kind", "at"),
)

# `part` is "inputs" or "personal"; `subject` is set on the personal part alone, and only where there are id columns.
RECORDS = Table(
    "records",
    METADATA,
    Column("writer", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("part", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    Column("subject", Text, nullable=True),
    Index("records_by_subject", "subject"),
)

CLAIMS = Table(
    "claims",
    METADATA,
    Column("scope", Text, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("claims_by_time", "at"),
)
