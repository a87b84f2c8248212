"""Whether a deployment decides: `python3 tests/e2e/smoke.py URL`, with nothing but Python's standard library.

Exit codes: 0 it does, 1 it does not (what was seen and what was expected is said), 2 wrong use, 3 nothing was reached
at the address, so that from here nothing is known of it.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DECISIONS = ("approve", "refer", "decline")
UNKNOWN = "a_field_that_no_contract_has"
REQUEST_SECONDS = 10.0
LOOK_SECONDS = 1.0


class SmokeError(Exception):
    """The deployment did not do what it promises."""


class NotReachedError(SmokeError):
    """No connection came about: a network between, or nothing at all at the address."""


@dataclass(frozen=True)
class Answer:
    """What came back: a status, headers by lower-case name, and the body as JSON (or text, where it is none)."""

    status: int
    headers: dict[str, str]
    body: Any
    reached: bool = True


@dataclass(frozen=True)
class Deployment:
    """Where a service is, and the key it is asked with; the key is in no message and no representation."""

    url: str
    key: str = field(repr=False, default="")

    def ask(self, path: str, record: object = None, key: str | None = None, request_id: str = "") -> Answer:
        """Return the answer to a GET, or to a POST where there is a record, whatever its status."""
        body = None if record is None else json.dumps(record).encode()
        request = urllib.request.Request(self.url + path, body, {"content-type": "application/json"})  # noqa: S310  # checked in `_deployment`
        shown = self.key if key is None else key
        if shown:
            request.add_unredirected_header("authorization", f"Bearer {shown}")
        if request_id:
            request.add_header("x-request-id", request_id)
        return _opened(request)


def main(arguments: list[str] | None = None) -> int:
    """Run every step and return the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        deployment = _deployment(asked.url, asked.key_file)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        for said in (
            await_ready(deployment, asked.within),
            await_model(deployment, asked.model, asked.within),
            *decides(deployment),
        ):
            sys.stdout.write(f"ok  {said}\n")
    except SmokeError as error:
        sys.stderr.write(f"FAILED  {error}\n")
        return 3 if isinstance(error, NotReachedError) else 1
    return 0


def await_ready(deployment: Deployment, seconds: float) -> str:
    """Wait until the service says that it is ready."""
    seen: list[Answer] = []

    def look() -> Answer:
        seen.append(deployment.ask("/readyz"))
        return seen[-1]

    answer = _until(look, lambda seen: seen.status == 200, seconds)
    if not any(each.reached for each in seen):
        raise NotReachedError(
            f"{deployment.url} was not reached in {seconds:g} s: {answer.body}; "
            "ask from a machine that may ask it, and look whether the address is right"
        )
    _expect("GET /readyz", answer, 200)
    return "ready"


def await_model(deployment: Deployment, model: str, seconds: float) -> str:
    """Wait until the model served is the one expected; without one, any will do."""

    def is_served(seen: Answer) -> bool:
        return seen.status == 200 and model in ("", _object(seen).get("model"))

    answer = _until(lambda: deployment.ask("/model_metadata"), is_served, seconds)
    served = _expect("GET /model_metadata", answer, 200).get("model")
    if model not in ("", served):
        raise SmokeError(
            f"{served} is served after {seconds:g} s, not {model}: has the deployment been replaced?"
        )
    return f"serves {served}"


def decides(deployment: Deployment) -> list[str]:
    """Have the published example decided, a bad record refused, and nobody served without a key."""
    schema = _expect("GET /schema", deployment.ask("/schema"), 200)
    if not schema.get("examples"):
        raise SmokeError("GET /schema publishes no example record; is the address that of the service?")
    record = schema["examples"][0]
    return [
        _decided(deployment, record),
        _refused(deployment, record),
        *([_closed(deployment, record)] if deployment.key else []),
    ]


def _decided(deployment: Deployment, record: dict[str, Any]) -> str:
    # In the decision log the request id tells this decision from those about people.
    asked = f"smoke-{uuid.uuid4()}"
    body = _expect("POST /predict", deployment.ask("/predict", record, request_id=asked), 200)
    if body.get("decision") not in DECISIONS or not 0 <= body.get("probability", -1) <= 1:
        raise SmokeError(
            f"POST /predict answered no decision: {body}; expected one of {', '.join(DECISIONS)}"
        )
    if not body.get("decision_id") or body.get("request_id") != asked:
        raise SmokeError(
            f"POST /predict answered without its ids, or with another's: {body}; asked as {asked}"
        )
    return f"decided the example: {body['decision']} at {body['probability']:.4f}, decision {body['decision_id']}"


def _refused(deployment: Deployment, record: dict[str, Any]) -> str:
    answer = deployment.ask("/predict", {**record, UNKNOWN: 1})
    body = _expect("POST /predict with an unknown field", answer, 422)
    fields = [finding.get("field") for finding in body.get("errors", ())]
    if answer.headers.get("content-type") != "application/problem+json" or fields != [UNKNOWN]:
        raise SmokeError(f"the refusal does not name {UNKNOWN} in application/problem+json: {answer}")
    return "refuses a bad record and names its field"


def _closed(deployment: Deployment, record: dict[str, Any]) -> str:
    _expect("POST /predict without a key", deployment.ask("/predict", record, key=""), 401)
    return "decides for nobody without a key"


def _until(ask: Callable[[], Answer], is_enough: Callable[[Answer], bool], seconds: float) -> Answer:
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if is_enough(answer) or time.monotonic() >= end:
            return answer
        time.sleep(LOOK_SECONDS)


def _expect(what: str, answer: Answer, status: int) -> dict[str, Any]:
    if answer.status != status:
        raise SmokeError(f"{what} answered {answer.status}, not {status}: {str(answer.body)[:500]}")
    return _object(answer)


def _object(answer: Answer) -> dict[str, Any]:
    """Return the body, empty where it is no JSON object: a page of something in front of the service, say."""
    return answer.body if isinstance(answer.body, dict) else {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: a redirect is an answer that was not expected, and could lead the key elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opened(request: urllib.request.Request) -> Answer:
    opener = urllib.request.build_opener(_NoRedirect())
    try:
        with opener.open(request, timeout=REQUEST_SECONDS) as response:
            return _answer(response.status, response.headers.items(), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers.items(), error.read())
    except urllib.error.URLError as error:
        # A certificate that does not hold will not hold in a minute either.
        if isinstance(error.reason, ssl.SSLError):
            raise SmokeError(f"no connection that can be trusted: {error.reason}") from error
        return Answer(0, {}, f"no connection: {error.reason}", reached=False)
    except (OSError, ValueError) as error:
        return Answer(0, {}, f"no answer: {error}")


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    text = body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = text
    return Answer(status, {name.lower(): value for name, value in headers}, parsed)


def _deployment(url: str, key_file: Path | None) -> Deployment:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"URL {url!r} is not http://HOST or https://HOST")
    if key_file is None:
        return Deployment(url.rstrip("/"))
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError(f"a key would travel to {parts.hostname} where others can read it; use https")
    key = key_file.read_text("utf-8").strip()
    if not key:
        raise ValueError(f"{key_file} is empty; it must hold the secret that `aval keys create` printed")
    return Deployment(url.rstrip("/"), key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smoke.py", description="Ask a deployed service for one decision.")
    parser.add_argument("url", help="where the service is, with its path if it has one")
    parser.add_argument("--key-file", type=Path, help="a file with an API key of the scopes predict and read")
    parser.add_argument("--model", default="", help="USE_CASE:VERSION that must be served")
    parser.add_argument("--within", type=float, default=120.0, help="seconds to wait for it (120)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
