from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from service.online.whole_body import WholeBody
from service.problems import ProblemError, ProblemMiddleware
from service.scoring.findings import Code, Finding

App = Callable[[Scope, Receive, Send], Awaitable[None]]
LARGEST = 100
SECRET = "secret of the server"


@dataclass
class Answer:
    """What a client would see, and how much of its body was asked for."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    read: int

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} stands {len(found)} times"
        return found[0] if found else None

    @property
    def problem(self) -> dict[str, Any]:
        assert self.header("content-type") == "application/problem+json"
        assert self.header("content-length") == str(len(self.body))
        body: dict[str, Any] = json.loads(self.body)
        assert body["status"] == self.status
        assert body["request_id"] == self.header("x-request-id")
        return body


@dataclass
class Client:
    """Calls an application behind the middleware, without a server; `stalls` after the last part of the body."""

    app: App
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    parts: Sequence[bytes] = (b"{}",)
    ends_with: str = "http.request"
    stalls: bool = False
    sent: list[Message] = field(default_factory=list)
    read: int = 0

    def ask(self, **limits: float) -> Answer:
        middleware = ProblemMiddleware(WholeBody(self.app, LARGEST, **limits))
        headers = [(name.encode(), value.encode("latin-1")) for name, value in self.headers.items()]
        scope = {"type": "http", "method": self.method, "path": "/", "headers": headers}
        asyncio.run(self._run(middleware, scope))
        return self.answer()

    def answer(self) -> Answer:
        start, *rest = self.sent
        assert start["type"] == "http.response.start"
        seen = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
        return Answer(start["status"], seen, b"".join(message["body"] for message in rest), self.read)

    async def _run(self, app: App, scope: Scope) -> None:
        async with asyncio.timeout(5):
            await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        position, self.read = self.read, self.read + 1
        if position < len(self.parts):
            more = position + 1 < len(self.parts) or self.stalls or self.ends_with != "http.request"
            return {"type": "http.request", "body": self.parts[position], "more_body": more}
        if self.stalls:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


def answering(status: int = 200, body: bytes = b"{}", **headers: str) -> App:
    """An application that reads its request and answers this."""
    named = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raw = [(name.encode(), value.encode()) for name, value in named.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:], "more_body": False})

    return app


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body and the request's id, once it was received whole."""
    message = await receive()
    assert message["more_body"] is False
    said = {"body": message["body"].decode(), "id": scope["state"]["request_id"]}
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the application was called")


def raising(error: Exception) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


# Request ids


@pytest.mark.parametrize("given", ["a", "Order-17.B_9", "0" * 64])
def test_a_plain_request_id_is_kept(given: str) -> None:
    answer = Client(echo, headers={"x-request-id": given}).ask()
    assert json.loads(answer.body)["id"] == answer.header("x-request-id") == given


@pytest.mark.parametrize("given", ["", "two words", "0" * 65, "a\n", "a\r\nset-cookie: x", "é", "{}", "a/b"])
def test_any_other_request_id_is_replaced(given: str) -> None:
    answer = Client(echo, headers={"x-request-id": given}).ask()
    assert re.fullmatch("[0-9a-f]{32}", str(answer.header("x-request-id")))
    assert json.loads(answer.body)["id"] == answer.header("x-request-id")


def test_requests_without_an_id_get_different_ones() -> None:
    first, second = (Client(echo).ask().header("x-request-id") for _ in range(2))
    assert first != second


# Bodies


def test_a_body_in_parts_reaches_the_application_whole() -> None:
    answer = Client(echo, parts=(b'{"a"', b"", b": ", b"1}")).ask()
    assert json.loads(answer.body)["body"] == '{"a": 1}'


@pytest.mark.parametrize("parts", [(b" " * LARGEST,), (b" " * (LARGEST - 1), b" "), (b" ",) * LARGEST])
def test_a_body_of_exactly_the_bound_is_taken(parts: Sequence[bytes]) -> None:
    assert Client(echo, parts=parts).ask().status == 200


@pytest.mark.parametrize("parts", [(b" " * (LARGEST + 1),), (b" " * LARGEST, b" ")])
def test_one_byte_more_is_refused_and_the_application_is_not_called(parts: Sequence[bytes]) -> None:
    answer = Client(unreachable, parts=parts).ask()
    assert answer.status == 413
    assert answer.problem["detail"] == "the body is larger than 100 bytes, the most that is accepted"
    assert answer.header("connection") == "close"


def test_what_is_too_large_is_read_to_its_end_so_that_the_answer_arrives() -> None:
    answer = Client(unreachable, parts=(b" " * LARGEST,) * 60).ask()
    assert (answer.status, answer.read) == (413, 60)


def test_what_is_far_too_large_is_not_read_to_its_end() -> None:
    answer = Client(unreachable, parts=(b" " * LARGEST,) * 500).ask()
    assert answer.status == 413
    assert answer.read == 65


def test_a_client_that_leaves_before_its_body_is_complete_is_not_decided_on() -> None:
    answer = Client(unreachable, parts=(b'{"a": 1',), ends_with="http.disconnect").ask()
    assert answer.status == 400
    assert "closed the connection" in answer.problem["detail"]


def test_a_client_that_stops_sending_is_answered_with_408() -> None:
    answer = Client(unreachable, parts=(b"{",), stalls=True).ask(body_seconds=0.05)
    assert answer.status == 408
    assert answer.problem["detail"] == "the body was not complete within 0.05 seconds"
    assert answer.header("connection") == "close"


def test_the_time_for_a_body_is_not_the_time_for_an_answer() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.1)
        await echo(scope, receive, send)

    assert Client(slow).ask(body_seconds=0.05).status == 200


def test_an_application_that_listens_on_learns_that_the_client_left() -> None:
    heard: list[str] = []

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])
        await answering()(scope, receive, send)

    Client(listening).ask()
    assert heard == ["http.request", "http.disconnect"]


# Content types


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON "])
def test_json_is_taken_however_it_is_written(kind: str) -> None:
    assert Client(echo, headers={"content-type": kind}).ask().status == 200


def test_a_body_without_a_content_type_is_taken_for_json() -> None:
    assert Client(echo).ask().status == 200


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "application/jsonx",
        "application/vnd.bentoml+pickle",
        "multipart/form-data; boundary=x",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_any_other_content_type_is_refused_and_named(kind: str, method: str) -> None:
    answer = Client(unreachable, method, {"content-type": kind}).ask()
    assert answer.status == 415
    assert repr(kind.partition(";")[0]) in answer.problem["detail"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_methods_without_a_body_need_no_content_type(method: str) -> None:
    assert Client(answering(), method, {"content-type": "text/html"}).ask().status == 200


# Answers


@pytest.mark.parametrize("status", [200, 204, 307, 399])
def test_what_is_no_error_passes_as_it_is_with_the_request_id(status: int) -> None:
    answer = Client(answering(status, b"plain body", x_own="kept")).ask()
    assert (answer.status, answer.body, answer.header("x-own")) == (status, b"plain body", "kept")
    assert answer.header("x-request-id")


def test_an_application_cannot_answer_under_another_request_id() -> None:
    answer = Client(answering(x_request_id="another"), headers={"x-request-id": "mine"}).ask()
    assert answer.header("x-request-id") == "mine"


@pytest.mark.parametrize("status", [400, 401, 404, 405, 418, 429, 500, 503, 504])
def test_an_error_in_another_form_becomes_a_problem_that_tells_nothing_of_it(status: int) -> None:
    app = answering(status, json.dumps({"error": SECRET}).encode(), content_length="99", set_cookie="x")
    answer = Client(app).ask()
    assert answer.status == status
    assert set(answer.problem) == {"type", "title", "status", "detail", "request_id"}
    assert SECRET.encode() not in answer.body
    assert answer.header("set-cookie") is None


def test_a_problem_keeps_what_the_client_must_know_to_go_on() -> None:
    answer = Client(answering(405, b"no", allow="POST", Retry_After="3")).ask()
    assert answer.problem["title"] == "Method Not Allowed"
    assert (answer.header("allow"), answer.header("retry-after")) == ("POST", "3")


def test_a_problem_of_the_application_passes_with_its_fields() -> None:
    body = json.dumps({"status": 422, "errors": [{"field": "x"}]}).encode()
    answer = Client(answering(422, body, content_type="application/problem+json")).ask()
    assert (answer.status, answer.body) == (422, body)


def test_a_problem_that_is_raised_is_answered_with_its_findings() -> None:
    finding = Finding("x", Code.RANGE, "7", "a number from 0 to 1", "x=7 is out of range")
    answer = Client(raising(ProblemError(422, "1 field refused", [finding]))).ask()
    assert answer.status == 422
    assert answer.problem["errors"] == [finding.as_json()]
    assert answer.problem["detail"] == "1 field refused"


def test_any_other_exception_becomes_a_500_that_tells_nothing_and_is_left_to_the_servers_log() -> None:
    client = Client(raising(RuntimeError(SECRET)))
    with pytest.raises(RuntimeError, match=SECRET):
        client.ask()
    assert client.answer().problem["status"] == 500
    assert SECRET.encode() not in client.answer().body


def test_an_exception_after_the_answer_began_starts_no_second_answer() -> None:
    async def breaking_off(scope: Scope, receive: Receive, send: Send) -> None:
        await answering()(scope, receive, send)
        raise RuntimeError(SECRET)

    client = Client(breaking_off)
    with pytest.raises(RuntimeError, match=SECRET):
        client.ask()
    assert [message["type"] for message in client.sent].count("http.response.start") == 1


@pytest.mark.parametrize(("status", "logged"), [(404, False), (500, True), (503, True)])
def test_an_error_of_the_server_is_logged_under_the_request_id(
    caplog: pytest.LogCaptureFixture, status: int, logged: bool
) -> None:
    with caplog.at_level(logging.INFO, "service.problems"):
        Client(answering(status, b"no"), headers={"x-request-id": "find-me"}).ask()
    assert caplog.messages == ([f"request find-me was answered with {status}"] if logged else [])


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_not_http_passes_through(kind: str) -> None:
    passed: list[Iterable[object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append((scope, receive, send))

    client = Client(app)
    scope = {"type": kind}
    asyncio.run(ProblemMiddleware(WholeBody(app, LARGEST))(scope, client._receive, client._send))
    assert passed == [(scope, client._receive, client._send)]
    assert scope == {"type": kind}
