"""The desk: scores, has the log keep what it decided, and only then answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.decision_log import (
    Claim,
    DecisionLog,
    KeyReused,
    Kind,
    LogBusy,
    LogDown,
    Prepared,
    prepare,
)
from service.decision_log.statements import Teller
from service.online.answers import Answered, Asked, now
from service.online.bodies import parse_body
from service.online.metrics import Metrics
from service.online.shadow import Shadow
from service.problems import PROBLEM_JSON, ProblemError, problem_response
from service.scoring.contract import Contract
from service.scoring.language import preferred_language
from service.scoring.scorer import Scorer

IDEMPOTENCY_KEY = "idempotency-key"
_AGAIN = {"retry-after": "1"}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_KEY = re.compile(r"[\x21-\x7e]{1,255}")

Answering = Callable[[Scorer, bytes, Asked], Answered]
Telling = Callable[[DecisionLog, Contract, Any, Teller], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Desk:
    """Everything that one worker needs to answer; log and shadow are None where there is none."""

    scorer: Scorer
    log: DecisionLog | None
    metrics: Metrics
    shadow: Shadow | None = None
    # One at a time: what is long is Python's own work, and more threads would only take it from the event loop.
    long_ones: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    async def answer(self, request: Request, answering: Answering, *, long: bool = False) -> Response:
        """Answer a request by `answering`, in a thread of its own if it may take `long`.

        A decision is durably logged before it is answered. With an `Idempotency-Key` the first answer to that key is
        given again; 409 for a key that came with another body, 503 while the log takes nothing.
        """
        try:
            return await self._answer(request, answering, long)
        except ProblemError as problem:
            # Here and not further out: BentoML makes a 500 of whatever its methods raise.
            return problem_response(problem, request.state.request_id)

    async def take(self, request: Request, telling: Telling) -> Response:
        """Take down what `telling` finds in a request: what became of decisions, or what a person decided."""
        try:
            if self.log is None:
                raise ProblemError(503, "the decision log is off here, and nothing can be taken down")
            request_id, key_id = request.state.request_id, getattr(request.state, "key_id", "")
            body = parse_body(await request.body())
            return JSONResponse(
                await telling(self.log, self.scorer.contract, body, Teller(now(), key_id, request_id))
            )
        except LogDown as error:
            status = 429 if isinstance(error, LogBusy) else 503
            problem = ProblemError(status, f"{error}; nothing was taken down", headers=_AGAIN)
            return problem_response(problem, request.state.request_id)
        except ProblemError as problem:
            return problem_response(problem, request.state.request_id)

    async def _answer(self, request: Request, answering: Answering, long: bool) -> Response:
        body = await request.body()
        asked = Asked(
            request.state.request_id,
            getattr(request.state, "key_id", ""),
            preferred_language(request.headers.get("accept-language", ""), self.scorer.contract.languages),
            now(),
        )
        since = perf_counter()
        if long:
            made = await to_thread.run_sync(self._made, answering, body, asked, limiter=self.long_ones)
        else:
            made = self._made(answering, body, asked)
        answered, content = made.answered, made.content
        self.metrics.took("score", since)
        claim = self._claim(request, body, asked) if answered.status == 200 else None
        first = await self._keep(made.entries, claim, content)
        if first is not None:
            return Response(first, media_type="application/json", headers={"idempotency-replayed": "true"})
        self._take_down(request, answered)
        kind = "application/json" if answered.status == 200 else PROBLEM_JSON
        return Response(content, answered.status, media_type=kind)

    def _made(self, answering: Answering, body: bytes, asked: Asked) -> _Made:
        answered = answering(self.scorer, body, asked)
        entries = () if self.log is None else tuple(prepare(entry) for entry in answered.entries)
        return _Made(answered, _ENCODER.encode(answered.body).encode(), entries)

    async def _keep(self, entries: Sequence[Prepared], claim: Claim | None, content: bytes) -> bytes | None:
        if self.log is None or not entries:
            return None
        since = perf_counter()
        try:
            first = await self.log.append_prepared(entries, claim, content)
        except LogBusy as error:
            raise ProblemError(429, f"{error}; nothing was decided", headers=_AGAIN) from None
        except LogDown as error:
            raise ProblemError(503, f"{error}; nothing was decided", headers=_AGAIN) from None
        except KeyReused:
            detail = "this Idempotency-Key came with another body before; take a new key for a new request"
            raise ProblemError(409, detail) from None
        self.metrics.took("log", since)
        return first

    def _claim(self, request: Request, body: bytes, asked: Asked) -> Claim | None:
        key = request.headers.get(IDEMPOTENCY_KEY)
        if key is None:
            return None
        if not _KEY.fullmatch(key):
            raise ProblemError(
                400, "Idempotency-Key must be 1 to 255 printable ASCII characters without spaces"
            )
        if self.log is None:
            raise ProblemError(400, "Idempotency-Key needs the decision log, which is off here; leave it out")
        return Claim(f"{asked.key_id} {request.url.path}", _sha256(key.encode()), _sha256(body))

    def _take_down(self, request: Request, answered: Answered) -> None:
        request.state.told = answered.told or {}
        self.metrics.refused(answered.refused)
        for entry in answered.entries:
            if entry.kind is Kind.DECISION and entry.decision and entry.probability is not None:
                self.metrics.decided(entry.decision, entry.probability)
                if self.shadow is not None:
                    self.shadow.offer(entry)


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer, its bytes, and its entries as the log takes them."""

    answered: Answered
    content: bytes
    entries: Sequence[Prepared]


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
