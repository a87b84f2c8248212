"""What no client library would send, over real connections: the service stays up, says 4xx or closes, never 5xx."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.access.connections import Limits, within_files
from tests.processes import web
from tests.service.access.wire import Workers, hear, talk

GET = b"GET /livez HTTP/1.1\r\nhost: x\r\n"
POST = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
UPGRADE = (
    GET
    + b"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
MEGABYTE = 2**20
MANY = b"".join(b"x%d: 1\r\n" % number for number in range(20_000))

# What is said, and with which statuses it is answered.
NO_HTTP = {
    "noise": bytes(range(256)),
    "a TLS greeting": bytes.fromhex("1603010200010001fc0303") + bytes(64),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a version that there is not": b"GET / HTTP/9.9\r\n\r\n",
    "a method that there is not": b"BREW /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    "a method in small letters": b"get /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    "a tunnel": b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    "a null in the path": b"GET /\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
    "UTF-8 in the path": "GET /é HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
    "a path of 60,000 letters with one that is none": b"GET /"
    + b"a" * 60_000
    + b"\xff HTTP/1.1\r\nhost: x\r\n\r\n",
    "lines without a return": b"GET /livez HTTP/1.1\nhost: x\n\n",
    "a space in a header's name": GET + b"x y: 1\r\n\r\n",
    "a folded header": GET + b"x: 1\r\n 2\r\n\r\n",
    "a control character in a header": GET + b"x: \x01\r\n\r\n",
    "a negative length": POST + b"content-length: -1\r\n\r\n",
    "a signed length": POST + b"content-length: +2\r\n\r\n{}",
    "no length in the header for it": POST + b"content-length: \r\n\r\n",
    "a length beyond 64 bits": POST + b"content-length: 99999999999999999999999\r\n\r\n{}",
    "two lengths": POST + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "a length and chunks": POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "an encoding that is not the last": POST + b"transfer-encoding: chunked, gzip\r\n\r\n{}",
    "a chunk whose length is no number": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "a chunk with a negative length": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk of more than 64 bits": CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
}
TOO_LARGE = {
    "a header of ten megabytes": GET + b"x: " + b"a" * 10 * MEGABYTE + b"\r\n\r\n",
    "a header's name of ten megabytes": GET + b"a" * 10 * MEGABYTE + b": 1\r\n\r\n",
    "20,000 headers": GET + MANY + b"\r\n",
    "a path of ten megabytes": b"GET /" + b"a" * 10 * MEGABYTE + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "20,000 headers behind the body": CHUNKED + b"2\r\n{}\r\n0\r\n" + MANY + b"\r\n",
    "a chunk's extension of a megabyte": CHUNKED + b"2;x=" + b"a" * MEGABYTE + b"\r\n{}\r\n0\r\n\r\n",
}
ODD = {
    "HTTP/0.9": (b"GET /livez\r\n\r\n", [200]),
    "HTTP/1.0": (b"GET /livez HTTP/1.0\r\n\r\n", [200]),
    "no host": (b"GET /livez HTTP/1.1\r\n\r\n", [200]),
    "an absolute address": (b"GET http://x/livez HTTP/1.1\r\nhost: x\r\n\r\n", [200]),
    "a null, escaped": (b"GET /%00 HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "bytes that are no text, escaped": (b"GET /%ff%fe HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "escapes that are none": (b"GET /%zz%2 HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "new lines, escaped": (b"GET /x%0d%0aset-cookie:a=b HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "a double slash": (b"GET //livez HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "a way up": (b"GET /../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "backslashes": (b"GET /..\\..\\x HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "a path of 60,000 letters": (b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", [404]),
    "Latin letters in headers": (GET + b"x-request-id: \xff\r\ncookie: \xfe\r\n\r\n", [200]),
    "a content type of no letters": (
        POST + b"content-type: \xff\r\ncontent-length: 2\r\n\r\n{}",
        [200, 415, 422],
    ),
    "an expectation nobody knows": (POST + b"expect: magic\r\ncontent-length: 2\r\n\r\n{}", [200, 422]),
    "a body where there is none": (GET + b"content-length: 5\r\n\r\nhello" + GET + b"\r\n", [200, 200]),
    "three at once": (3 * (GET + b"\r\n"), [200, 200, 200]),
    "empty lines first": (b"\r\n\r\n" + GET + b"\r\n", [200]),
    "an upgrade to WebSocket": (UPGRADE + b"upgrade: websocket\r\n\r\n", [200]),
    "an upgrade to HTTP/2": (GET + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n", [200]),
}


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.fixture(scope="module", params=["bentoml serve"])
def port(served: Callable[[str], str]) -> Iterator[int]:
    """The port of a real server; after all of this it still decides."""
    url = served("credit_risk")
    yield port_of(url)
    assert web.get(f"{url}/readyz").status_code == 200


@pytest.mark.parametrize("said", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_http_is_answered_with_a_problem_and_closed(port: int, said: bytes) -> None:
    heard = talk(port, said, seconds=3)
    assert heard.problem["status"] == 400
    assert heard.closed


@pytest.mark.parametrize("said", TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_has_no_end_is_refused_before_it_is_kept(port: int, said: bytes) -> None:
    heard = talk(port, said, seconds=3)
    assert heard.problem["detail"] == "the head is larger than 65536 bytes, the most accepted"
    assert heard.problem["status"] == 431
    assert heard.closed


@pytest.mark.parametrize(("said", "statuses"), ODD.values(), ids=ODD)
def test_what_is_odd_is_answered(port: int, said: bytes, statuses: list[int]) -> None:
    answered = talk(port, said).statuses
    assert answered
    assert set(answered) <= set(statuses)
    assert 200 not in statuses or len(answered) == statuses.count(200) or answered[0] in statuses


MARKS = [b"\r\n", b"\n", b"\x00", b" ", b":", b"{}", b"2\r\n{}\r\n", b"0\r\n\r\n"]
HEADERS = [
    "content-length: 2",
    "content-length: 0",
    "transfer-encoding: chunked",
    "expect: 100-continue",
    "connection: close",
]
PIECES = st.sampled_from([GET, POST, CHUNKED, *MARKS, *(f"{header}\r\n".encode() for header in HEADERS)])


def test_whatever_is_said_is_answered_without_an_error_of_the_service(port: int) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(PIECES | st.binary(max_size=12), max_size=8), st.booleans())
    def holds_for(pieces: list[bytes], at_once: bool) -> None:
        heard = talk(port, *([b"".join(pieces)] if at_once else pieces), seconds=0.05)
        assert all(status < 500 for status in heard.statuses), heard.content

    holds_for()
    assert talk(port, GET + b"\r\n").statuses == [200]


# Bounds, on a worker that hides nothing


def files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def held_open(found: Workers, said: bytes, connections: int) -> list[socket.socket]:
    made = [socket.create_connection(("127.0.0.1", found.port), timeout=10) for _ in range(connections)]
    for connection in made:
        connection.sendall(said)
    return made


HALVES = {
    "nothing": b"",
    "half a head": b"GET /livez HTTP/1.1\r\nx: ",
    "half a body": POST + b"content-length: 99\r\n\r\n{",
    "half a chunk": CHUNKED + b"99\r\n{",
    "half a body that nobody asked for": GET + b"content-length: 99\r\n\r\n{",
}


def test_a_client_that_says_half_and_waits_is_told_and_let_go(hasty: Workers) -> None:
    before = files(hasty.pid)
    made = {kind: held_open(hasty, said, 10) for kind, said in HALVES.items()}
    # A byte now and then buys no time.
    for _ in range(6):
        time.sleep(0.4)
        for connection in [one for kind, found in made.items() if kind != "nothing" for one in found]:
            with suppress(OSError):
                connection.sendall(b"x")
    for kind, connections in made.items():
        heard = [hear(connection, 3.0) for connection in connections]
        assert all(one.closed for one in heard), kind
        assert {status for one in heard for status in one.statuses} <= {200, 408}, kind
        for connection in connections:
            connection.close()
    time.sleep(0.7)
    assert files(hasty.pid) <= before


def test_a_client_that_does_not_read_its_answer_is_let_go(hasty: Workers) -> None:
    before = files(hasty.pid)
    made = held_open(hasty, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n", 3)
    time.sleep(0.3)
    assert files(hasty.pid) > before
    deadline = time.monotonic() + 6
    while files(hasty.pid) > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert files(hasty.pid) <= before
    for connection in made:
        connection.close()
    assert talk(hasty.port, GET + b"\r\n").statuses == [200]


def test_a_head_without_end_takes_no_memory(hasty: Workers) -> None:
    before = megabytes(hasty.pid)
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=10) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nx: ")
        with suppress(OSError):
            for _ in range(100):
                connection.sendall(b"a" * MEGABYTE)
    assert megabytes(hasty.pid) < before + 10


def test_thousands_of_requests_sent_ahead_take_no_memory(hasty: Workers) -> None:
    before = megabytes(hasty.pid)
    for _ in range(5):
        heard = talk(hasty.port, (GET + b"\r\n") * 10_000, seconds=2)
        assert heard.statuses[-1] == 429
        assert b"more than 32 requests were sent ahead" in heard.content
    assert megabytes(hasty.pid) < before + 10
    assert "Traceback" not in hasty.log.read_text(), "what ran was not told that nobody hears it"


def test_one_connection_too_many_is_told_so_and_the_others_are_served(hasty: Workers) -> None:
    made = held_open(hasty, b"", 60)
    heard = talk(hasty.port, GET + b"\r\n", seconds=2)
    assert (heard.problem["status"], heard.closed) == (503, True)
    assert b"retry-after: 1" in heard.content
    made[0].sendall(GET + b"\r\n")
    assert hear(made[0]).statuses == [200]
    for connection in made:
        connection.close()
    time.sleep(0.2)
    assert talk(hasty.port, GET + b"\r\n").statuses == [200]


def test_no_more_connections_are_taken_than_there_may_be_files() -> None:
    assert within_files(Limits(most=4_000), 20_000).most == 4_000
    assert within_files(Limits(most=4_000), 1_024).most * 1.25 <= 1_024 - 128
    assert within_files(Limits(most=4_000), 64).most == 1


def test_far_too_many_connections_are_closed_without_a_word(hasty: Workers) -> None:
    time.sleep(0.7)
    before = files(hasty.pid)
    made = held_open(hasty, b"", 90)
    heard = [hear(connection, 3.0) for connection in made[80:]]
    held = files(hasty.pid)
    for connection in made:
        connection.close()
    assert [(one.content, one.closed) for one in heard] == [(b"", True)] * 10
    assert held <= before + 75


def test_an_idle_connection_is_kept_for_as_long_as_the_server_says(workers: Callable[..., Workers]) -> None:
    found = workers(limits={"head_seconds": 0.5})
    with socket.create_connection(("127.0.0.1", found.port), timeout=10) as connection:
        for pause in (1.8, 0.0):
            connection.sendall(GET + b"\r\n")
            assert hear(connection).statuses == [200]
            time.sleep(pause)


def test_a_route_that_takes_long_is_not_taken_for_a_slow_client(hasty: Workers) -> None:
    answer = web.post(f"{hasty.url}/predict?seconds=2.2", json={}, timeout=10)
    assert answer.status_code == 200


def test_under_a_flood_of_malformed_requests_the_others_are_served(hasty: Workers) -> None:
    before = megabytes(hasty.pid)
    over = threading.Event()

    def flood() -> None:
        kinds = [*NO_HTTP.values(), *[said for said in TOO_LARGE.values() if len(said) < 2 * MEGABYTE]]
        while not over.is_set():
            for said in kinds:
                with suppress(OSError):
                    talk(hasty.port, said, seconds=1)

    threads = [threading.Thread(target=flood) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        statuses = [web.post(f"{hasty.url}/predict", json={}, timeout=10).status_code for _ in range(30)]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 30
    assert megabytes(hasty.pid) < before + 20
    assert "Traceback" not in hasty.log.read_text()
