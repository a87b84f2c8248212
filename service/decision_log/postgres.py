"""Engines for a decision log in PostgreSQL; imported only where there is one, because its driver takes long to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Engine, NullPool, create_engine, event

from service.decision_log.address import PATIENCE
from service.decision_log.password import Password, split_secret


def postgres_engine(url: URL, connect: Callable[..., Any] | None = None, **arguments: Any) -> Engine:
    """Return an engine that makes a connection whenever it is asked for one, by `connect` or psycopg's own.

    Where the address names a secret, the password is what is in it then.
    """
    plain, secret = split_secret(url)
    engine = create_engine(plain, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
    password = None if secret is None else Password(secret)
    by = connect or Connection.connect

    @event.listens_for(engine, "do_connect")
    def _connect(_: Any, __: Any, given: Any, named: Any) -> Any:
        return by(*given, **named) if password is None else password.connect(by, *given, **named)

    return engine


def reading_postgres(url: URL) -> Engine:
    """Return an engine whose connections can change nothing."""
    engine = postgres_engine(url)

    @event.listens_for(engine, "connect")
    def _connected(connection: Connection[Any], _: Any) -> None:
        connection.read_only = True

    return engine


def writing_postgres(url: URL) -> Engine:
    """Return an engine on which every commit is durable and nothing is waited for longer than `PATIENCE`."""
    arguments = {
        "connect_timeout": int(PATIENCE),
        "tcp_user_timeout": int(PATIENCE * 1000),
        "application_name": "aval decision log",
    }
    engine = postgres_engine(url, _Impatient.connect, **arguments)

    @event.listens_for(engine, "connect")
    def _connected(connection: Connection[Any], _: Any) -> None:
        connection.execute(_SESSION)
        connection.commit()

    return engine


class _Impatient(Connection[Any]):
    """A connection that waits for no answer longer than `PATIENCE`, also where the server or the network hangs."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, PATIENCE * 1.25 if timeout is None else timeout)
        except OperationalError:
            # Still busy: whatever it is doing, this connection is of no more use, not even to roll back.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


# Said in the session: poolers between here and the server refuse options at its start.
_SESSION = b"""
    SET synchronous_commit TO on;
    SET statement_timeout TO '2s';
    SET lock_timeout TO '2s';
    SET idle_in_transaction_session_timeout TO '10s';
    SET default_transaction_isolation TO 'read committed'
"""
