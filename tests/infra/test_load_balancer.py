"""What nginx does of its own: whom it asks, what it repeats, what it refuses, and how it says so."""

from __future__ import annotations

import re
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.infra.balanced import CONFIGURATION, Balanced, balanced
from tests.processes import free_port, web
from tests.service.records import problem

AN_ID = re.compile(r"[0-9a-f]{32}")
MOST = 2**20
# Lines of the access log are kept for at most a second.
WRITTEN_AFTER = 1.5


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Balanced]:
    """Nginx as it is, in front of two replicas that answer."""
    with balanced(tmp_path / "nginx") as found:
        yield found


def test_a_request_reaches_a_replica_as_it_was_sent(server: Balanced) -> None:
    answer = server.post("/predict?a=1", b'{"a": 1}', idempotency_key="k", authorization="Bearer secret")
    assert answer.status_code == 200
    (asked,) = server.asked
    assert (asked["method"], asked["path"], asked["body"]) == ("POST", "/predict?a=1", b'{"a": 1}')
    sent = asked["headers"]
    assert (sent["idempotency-key"], sent["authorization"]) == ("k", "Bearer secret")
    assert sent["host"] == f"127.0.0.1:{server.port}"


def test_requests_are_shared_among_the_replicas(server: Balanced) -> None:
    answered = Counter(server.post().json()["by"] for _ in range(40))
    assert min(answered["first"], answered["second"]) >= 10


def test_a_request_without_an_id_is_given_one(server: Balanced) -> None:
    server.post()
    assert AN_ID.fullmatch(server.asked[0]["headers"]["x-request-id"])


def test_the_callers_own_id_is_kept(server: Balanced) -> None:
    server.post(x_request_id="order-77.b_1")
    assert server.asked[0]["headers"]["x-request-id"] == "order-77.b_1"


@pytest.mark.parametrize("odd", ['a"b', "a b", "x" * 65, "{}"], ids=["a quote", "a space", "long", "braces"])
def test_an_id_that_the_service_would_not_keep_is_replaced(server: Balanced, odd: str) -> None:
    server.post(x_request_id=odd)
    assert AN_ID.fullmatch(server.asked[0]["headers"]["x-request-id"])


def test_what_a_caller_says_of_its_address_counts_for_nothing(server: Balanced) -> None:
    server.post(x_forwarded_for="10.0.0.1", x_forwarded_proto="https")
    sent = server.asked[0]["headers"]
    assert (sent["x-forwarded-for"], sent["x-forwarded-proto"]) == ("127.0.0.1", "http")


def test_a_replica_that_refuses_connections_costs_no_decision(server: Balanced) -> None:
    server.replicas[0].stop()
    for _ in range(40):
        assert server.post().json() == {"by": "second"}
    assert len(server.asked) == 40


def test_a_decision_that_may_have_been_made_is_not_asked_for_again(server: Balanced) -> None:
    for replica in server.replicas:
        replica.manner = "dies"
    said = problem(server.post(), 502)
    assert "Idempotency-Key" in said["detail"]
    assert len(server.asked) == 1


def test_a_decision_with_a_key_is_asked_of_the_other_replica(server: Balanced) -> None:
    server.replicas[0].manner = "dies"
    for number in range(20):
        assert server.post(idempotency_key=f"k{number}").json() == {"by": "second"}
    assert server.replicas[0].asked


@pytest.mark.parametrize("path", ["/outcomes", "/reviews", "/explain"])
def test_what_changes_nothing_when_told_again_is_told_the_other_replica(server: Balanced, path: str) -> None:
    server.replicas[0].manner = "dies"
    for _ in range(10):
        assert server.post(path).json() == {"by": "second"}
    assert server.replicas[0].asked


def test_what_only_reads_is_asked_of_the_other_replica(server: Balanced) -> None:
    server.replicas[0].manner = "dies"
    for _ in range(10):
        assert server.get("/schema").json() == {"by": "second"}
    assert server.replicas[0].asked


def test_an_empty_idempotency_key_makes_no_request_repeatable(server: Balanced) -> None:
    for replica in server.replicas:
        replica.manner = "dies"
    problem(server.post(idempotency_key=""), 502)
    assert len(server.asked) == 1


def test_an_answer_that_takes_too_long_is_a_504_and_is_not_asked_for_again(tmp_path: Path) -> None:
    with balanced(tmp_path / "nginx", ("proxy_read_timeout 30s", "proxy_read_timeout 300ms")) as server:
        for replica in server.replicas:
            replica.manner = "hangs"
        said = problem(server.post(), 504)
        assert "not known" in said["detail"]
        assert len(server.asked) == 1


def test_a_replica_that_is_not_ready_is_asked_nothing(server: Balanced) -> None:
    server.say_ready(2)
    assert {server.post().json()["by"] for _ in range(10)} == {"second"}
    server.say_ready(1)
    assert {server.post().json()["by"] for _ in range(10)} == {"first"}


def test_a_replica_that_is_not_ready_is_asked_where_the_ready_one_refuses(server: Balanced) -> None:
    server.say_ready(2)
    server.replicas[1].stop()
    assert server.post().json() == {"by": "first"}


def test_where_no_replica_is_ready_all_are_asked(server: Balanced) -> None:
    server.say_ready()
    assert {server.post().json()["by"] for _ in range(10)} == {"first", "second"}


def test_readiness_is_followed_within_two_seconds(server: Balanced) -> None:
    names = [f"127.0.0.1:{replica.port}" for replica in server.replicas]
    watch = subprocess.Popen(["bash", f"{CONFIGURATION}/ready.sh", "watch", f"{server.folder}/ready", *names])
    try:
        _await_ready(server, "1", "2")
        server.replicas[0].ready = 503
        _await_ready(server, "2")
        server.replicas[0].ready = 200
        server.replicas[1].stop()
        _await_ready(server, "1")
        server.replicas[1].start()
        _await_ready(server, "1", "2")
    finally:
        watch.terminate()
        watch.wait(5)


def test_one_question_tells_whether_a_server_is_ready(server: Balanced) -> None:
    def code(port: int) -> int:
        command = ["bash", f"{CONFIGURATION}/ready.sh", "once", f"127.0.0.1:{port}"]
        return subprocess.run(command, check=False, timeout=10).returncode

    first, second = server.replicas
    second.ready = 503
    assert code(first.port) == 0
    assert code(second.port) != 0
    assert code(free_port()) != 0


def test_a_body_of_the_largest_size_passes(server: Balanced) -> None:
    assert server.post(content=b"x" * MOST).status_code == 200
    assert len(server.asked[0]["body"]) == MOST


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "in chunks"])
def test_a_larger_body_is_refused_with_a_problem(server: Balanced, chunked: bool) -> None:
    content = b"x" * (MOST + 1)
    said = problem(server.post(content=iter([content]) if chunked else content), 413)
    assert "larger" in said["detail"]
    assert server.asked == []


@pytest.mark.parametrize("key", ["", "k"], ids=["without a key", "with a key"])
def test_who_asks_too_often_is_told_to_come_back(tmp_path: Path, key: str) -> None:
    headers = {"idempotency_key": key} if key else {}
    with balanced(tmp_path / "nginx", ("rate=1000r/s", "rate=1r/m"), ("burst=500", "burst=2")) as server:
        answers = [server.post(**headers) for _ in range(6)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 2
        problem(refused[0], 429)
        assert refused[0].headers["retry-after"] == "1"
        # Whoever watches the service must not be kept from it.
        assert server.get("/readyz").status_code == 200


def test_no_replica_at_all_is_a_502_that_says_to_come_back(server: Balanced) -> None:
    for replica in server.replicas:
        replica.stop()
    answer = server.post(x_request_id="mine")
    assert problem(answer, 502)["request_id"] == "mine"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["cache-control"] == "no-store"


def test_figures_of_one_replica_are_not_taken_for_those_of_all(server: Balanced) -> None:
    said = problem(server.get("/metrics"), 404)
    assert "each replica" in said["detail"]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"nonsense\r\n", 400),
        (b"TRACE / HTTP/1.1\r\n", 405),
        (b"GET /" + b"x" * 17_000 + b" HTTP/1.1\r\n", 414),
    ],
    ids=["nonsense", "TRACE", "a long line"],
)
def test_what_is_no_request_is_a_problem_too(server: Balanced, request_line: bytes, status: int) -> None:
    head, _, body = server.raw(request_line + b"Host: a\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in head.lower()
    assert b'"status":%d' % status in body


def test_headers_that_are_too_large_are_a_problem(server: Balanced) -> None:
    answer = server.raw(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431")
    assert b'"status":431' in answer


def test_no_answer_tells_the_version_of_nginx(server: Balanced) -> None:
    for answer in (server.post(), server.get("/metrics"), server.post(content=b"x" * (MOST + 1))):
        assert answer.headers["server"] == "nginx"
        assert "1." not in answer.headers["server"]


def test_the_access_log_has_a_line_of_json_without_query_and_body(server: Balanced) -> None:
    server.post("/predict?income=59000", b'{"person_age": 22}', x_request_id="mine", x_api_key="aval_secret")
    time.sleep(WRITTEN_AFTER)
    (line,) = server.log
    assert (line["request_id"], line["path"], line["status"]) == ("mine", "/predict", 200)
    assert line["replica"] in {f"127.0.0.1:{replica.port}" for replica in server.replicas}
    text = (server.folder / "output").read_text()
    assert not any(word in text for word in ("59000", "person_age", "aval_secret"))


def test_an_error_leaves_no_query_in_any_log(server: Balanced) -> None:
    for replica in server.replicas:
        replica.stop()
    server.post("/predict?income=59000")
    time.sleep(WRITTEN_AFTER)
    assert "59000" not in (server.folder / "output").read_text() + (server.folder / "errors").read_text()


def test_a_body_touches_no_disk(server: Balanced) -> None:
    server.post(content=b"x" * MOST)
    assert list((server.folder / "body").iterdir()) == []
    text = (CONFIGURATION / "nginx.conf").read_text()
    assert "client_body_buffer_size 1m" in text
    assert "client_max_body_size 1m" in (CONFIGURATION / "limits.conf").read_text()


def test_https_with_a_certificate_of_the_users(tmp_path: Path) -> None:
    listen = (CONFIGURATION / "tls.conf").read_text().replace("{", "{{").replace("}", "}}")
    certificate = _certificate(tmp_path)
    port = free_port()
    listen = listen.replace("listen 8080;", "listen {port};").replace(
        "listen 8443", f"listen 127.0.0.1:{port}"
    )
    listen = listen.replace("/etc/aval-tls", str(tmp_path)).replace("set $ready_folder /tmp/nginx/ready;", "")
    with balanced(tmp_path / "nginx", listen=listen) as server:
        trusting = ssl.create_default_context(cafile=certificate)
        with httpx.Client(verify=trusting, base_url=f"https://localhost:{port}") as client:
            assert client.post("/predict", content=b"{}").status_code == 200
        assert server.asked[0]["headers"]["x-forwarded-proto"] == "https"
        # Plain HTTP on the port of HTTPS is a problem, and no page of nginx's own.
        problem(web.get(f"http://127.0.0.1:{port}/schema"), 400)


def _await_ready(server: Balanced, *numbers: str) -> None:
    deadline = time.monotonic() + 10
    while sorted(file.name for file in (server.folder / "ready").iterdir()) != sorted(numbers):
        assert time.monotonic() < deadline, f"not {numbers} within 10 s"
        time.sleep(0.05)


def _certificate(folder: Path) -> Path:
    made = f"-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {folder}/tls.key -out {folder}/tls.crt"
    named = "-days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = ["openssl", "req", "-x509", *made.split(), *named.split()]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "tls.crt"
