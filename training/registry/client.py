"""MLflow's client with patience for locks, and with errors of one line."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import requests
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
    MLFLOW_UV_AUTO_DETECT,
)
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from service.errors import AvalError

Answer = TypeVar("Answer")

ALREADY_THERE = "RESOURCE_ALREADY_EXISTS"
SECONDS_TO_ANSWER = 5
# Who answers so stands before a server that does not.
NOBODY_THERE = (502, 503, 504)
# MLflow itself waits 20 s for SQLite's lock; it gives up at once where two transactions block each other.
# So does it where two trainings name the same data set at once: it is there on asking again.
PASSING = ("database is locked", "UNIQUE constraint failed: datasets.", "duplicate key value violates unique")
WAITS_FOR_LOCK = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class TrackingDown(AvalError):
    """The MLflow server or its store of artifacts does not answer."""


class TrackingRefused(AvalError):
    """MLflow answered that it cannot; `code` is MLflow's own."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def open_client(uri: str) -> MlflowClient:
    """Return a client whose errors are `TrackingDown` and `TrackingRefused`; a server is first asked for its health.

    MLflow by itself tries a server that is down for minutes before it says so.
    """
    _quieten()
    if uri.startswith(("http:", "https:")):
        _ask_health(uri)
    return cast(MlflowClient, _PatientClient(patiently(lambda: MlflowClient(tracking_uri=uri), uri), uri))


def patiently(ask: Callable[[], Answer], uri: str) -> Answer:
    """Return what MLflow answers, asked again while another training is in the way."""
    for wait in WAITS_FOR_LOCK:
        try:
            return _in_one_line(ask, uri)
        except TrackingRefused as error:
            if not any(words in str(error) for words in PASSING):
                raise
        time.sleep(wait)
    return _in_one_line(ask, uri)


class _PatientClient:
    """All methods of MLflow's client, asked patiently."""

    def __init__(self, client: MlflowClient, uri: str) -> None:
        self._client, self._uri = client, uri

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *values, **named: patiently(lambda: method(*values, **named), self._uri)


def _in_one_line(ask: Callable[[], Answer], uri: str) -> Answer:
    try:
        return ask()
    except MlflowException as error:
        if any(_is_of_the_connection(cause) for cause in _causes(error)):
            raise _down(uri) from None
        raise TrackingRefused(f"MLflow at {uri} refused: {_first_line(error)}", error.error_code) from None
    except requests.RequestException as error:
        raise _of_requests(error, uri) from None
    except SQLAlchemyError as error:
        raise TrackingRefused(f"MLflow at {uri} cannot use its database: {_first_line(error)}", "") from None
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise TrackingDown(
            f"the store of artifacts of MLflow at {uri} did not answer: {_first_line(error)}; "
            "see that it runs, and AWS_ENDPOINT_URL and the credentials of AWS"
        ) from None


def _ask_health(uri: str) -> None:
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        # Any answer will do: a server behind a login has one too.
        http_request(  # type: ignore[no-untyped-call]
            get_default_host_creds(uri),  # type: ignore[no-untyped-call]
            "/health",
            "GET",
            max_retries=0,
            timeout=SECONDS_TO_ANSWER,
            raise_on_status=False,
        )
    except MlflowException:
        raise _down(uri) from None


def _down(uri: str) -> TrackingDown:
    return TrackingDown(
        f"the MLflow server at {uri} did not answer; see that it runs, or set MLFLOW_TRACKING_URI to another "
        "(unset: SQLite in AVAL_HOME)"
    )


def _of_requests(error: requests.RequestException, uri: str) -> AvalError:
    """Return what an error is that MLflow lets through, such as where a server itself keeps the artifacts."""
    status = None if error.response is None else error.response.status_code
    if status is None or status in NOBODY_THERE:
        return _down(uri)
    return TrackingRefused(f"MLflow at {uri} refused: {_first_line(error)}", str(status))


def _is_of_the_connection(cause: BaseException) -> bool:
    # By name: urllib3's are among them. An HTTPError is an answer.
    kind = type(cause)
    return kind.__module__.partition(".")[0] in ("requests", "urllib3") and kind.__name__ != "HTTPError"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _quieten() -> None:
    """Turn off what MLflow prints; what a user has set in MLflow's own variables stays."""
    # MLflow announces the making of its tables; importing it undoes a level that was set before.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    # A lock that is waited for is no news, and what is lasting becomes an error of ours.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # Three: some seconds, where MLflow's own seven take four minutes.
    for variable, value in (
        (MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR, False),
        (MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT, True),
        (MLFLOW_UV_AUTO_DETECT, False),
        (MLFLOW_HTTP_REQUEST_MAX_RETRIES, 3),
    ):
        if not variable.is_set():  # type: ignore[no-untyped-call]
            variable.set(value)  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        # It warns of its own type hints when it is imported.
        warnings.simplefilter("ignore")
        import mlflow.pyfunc  # noqa: F401
