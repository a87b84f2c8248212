"""PostgreSQL's password from AWS Secrets Manager, for connections that are made after it was renewed too.

The address names the secret: `postgresql://user@host/database?password_secret=ARN`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from psycopg import OperationalError
from sqlalchemy import URL

_LOG = logging.getLogger(__name__)
_PARAMETER = "password_secret"
# Both are waited for by whoever wants to connect.
_CONTACT = {"connect_timeout": 1, "read_timeout": 2, "retries": {"total_max_attempts": 2}}
# invalid_password, invalid_authorization_specification
_REFUSALS = ("28P01", "28000")
Connect = Callable[..., Any]


def split_secret(url: URL) -> tuple[URL, str | None]:
    """Return an address without the name of its secret, and that name; None where it has none."""
    secret = url.query.get(_PARAMETER)
    return url.difference_update_query([_PARAMETER]), secret if isinstance(secret, str) else None


class Password:
    """The password in a secret, as it was when it last opened a connection."""

    def __init__(self, secret: str, fetch: Callable[[str], str] | None = None) -> None:
        self._secret = secret
        self._fetch = fetch or fetch_password
        self._known: str | None = None

    def connect(self, connect: Connect, *given: Any, **named: Any) -> Any:
        """Return what `connect` returns with the password; fetched anew where it is not known, or is refused.

        Raises the driver's `OperationalError`, as `connect` does, where there is no password to be had.
        """
        if self._known is None:
            self._known = self._fetch(self._secret)
            return connect(*given, **{**named, "password": self._known})
        try:
            return connect(*given, **{**named, "password": self._known})
        except OperationalError as error:
            # A server that is down is no question of passwords, and nobody should wait for another answer.
            if not _refused(error):
                raise
            self._known = self._renewed(error)
        return connect(*given, **{**named, "password": self._known})

    def _renewed(self, refused: OperationalError) -> str:
        """Return another password than the one that was refused; raises that refusal where there is none."""
        try:
            found = self._fetch(self._secret)
        except OperationalError as unread:
            _LOG.warning("%s", unread)
            raise refused from unread
        if found == self._known:
            raise refused
        _LOG.info("the password of the database was renewed")
        return found


def fetch_password(secret: str) -> str:
    """Return the password in a secret made by RDS; raises the driver's `OperationalError` where it cannot be read."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("secretsmanager", config=Config(**_CONTACT))
        return str(json.loads(client.get_secret_value(SecretId=secret)["SecretString"])["password"])
    except (BotoCoreError, ClientError) as error:
        raise OperationalError(f"the password cannot be fetched from {secret}: {error}") from None
    except (KeyError, TypeError, ValueError):
        # Not the parser's own words: they quote what stands in the secret.
        raise OperationalError(f"the secret {secret} is no JSON with a password") from None


def _refused(error: OperationalError) -> bool:
    # Errors of connecting carry no code; RDS speaks English.
    return error.sqlstate in _REFUSALS or "password authentication failed" in str(error)
