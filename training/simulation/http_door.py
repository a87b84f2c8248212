"""Decisions of a running service: the same records over HTTP, now."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.decision_log.outcomes import MOST_OUTCOMES
from service.errors import AvalError, WrongUse
from service.scoring.contract import Contract
from training.simulation.door import Answer, Happened, answer_of
from training.simulation.log_door import MARK, expect_taken, outcomes_body
from training.simulation.population import Numbers

SECONDS = 60
# Fewer than the service takes: a body of them stays far below its limit.
RECORDS_AT_ONCE = 500
_REDIRECTED = "a redirect, which is not followed: name the service itself"


@dataclass(frozen=True)
class HttpDoor:
    """A service by its URL; `key` is the API key, "" for none. Its decisions are made and logged by its own clock.

    Only the ids of the requests, and the source of outcomes, say that they are simulated.
    """

    url: str
    contract: Contract
    key: str = ""

    def __post_init__(self) -> None:
        """Raise `WrongUse` for a URL of another kind."""
        if not self.url.startswith(("http://", "https://")):
            raise WrongUse(f"--url {self.url} does not begin with http:// or https://")

    async def decide(self, records: Sequence[Mapping[str, Any]], at: Numbers) -> list[Answer]:
        """Ask /predict_bulk; the moments are not looked at."""
        answers: list[Answer] = []
        for start in range(0, len(records), RECORDS_AT_ONCE):
            body = {"records": records[start : start + RECORDS_AT_ONCE]}
            answers += [answer_of(item) for item in self._post("/predict_bulk", body)["results"]]
        return answers

    async def tell(self, happened: Sequence[Happened], at: int) -> None:
        """Post to /outcomes; raises `AvalError` for one that is not taken."""
        for start in range(0, len(happened), MOST_OUTCOMES):
            expect_taken(
                self._post("/outcomes", outcomes_body(self.contract, happened[start:][:MOST_OUTCOMES]))
            )

    def _post(self, path: str, body: Any) -> Any:
        headers = {"content-type": "application/json", "x-request-id": self._request_id()}
        if self.key:
            headers["x-api-key"] = self.key
        request = urllib.request.Request(  # noqa: S310  # its scheme was looked at
            self.url.rstrip("/") + path, json.dumps(body).encode(), headers, method="POST"
        )
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=SECONDS) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            detail = error.read(2_000).decode("utf-8", "replace") if error.code >= 400 else _REDIRECTED
            # It holds the connection.
            error.close()
            raise AvalError(f"{self.url}{path} answered {error.code}: {detail}") from None
        except (OSError, ValueError) as error:
            raise AvalError(f"{self.url} does not answer: {error}; see that the service runs") from None

    def _request_id(self) -> str:
        """Return an id of the form that a service takes over: at most 64 characters."""
        return f"{MARK}-{self.contract.use_case}"[:55] + f"-{secrets.token_hex(4)}"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the key would reach a place that nobody has named."""
