"""Spans go to a collector where one is named, and nowhere otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.scoring.schema import example_record
from tests.processes import Home, post
from training.use_cases import use_cases

USE_CASE = "credit_risk"
RECORD = example_record(use_cases()[USE_CASE].contract)


@contextmanager
def collector() -> Iterator[tuple[str, Queue[bytes]]]:
    """A collector of its own: its address, and what was sent to it."""
    sent: Queue[bytes] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.put(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", sent
        server.shutdown()
        thread.join()


def until_told(sent: Queue[bytes], name: bytes) -> list[bytes]:
    """Return what was sent up to what names this span; a stop may come before a busy machine has sent it."""
    bodies = [sent.get(timeout=30)]
    while name not in bodies[-1]:
        bodies.append(sent.get(timeout=30))
    return bodies


@pytest.mark.parametrize("is_named", [True, False])
def test_a_request_is_a_span_for_the_collector_that_is_named(
    quick_home: Callable[[str], Home], is_named: bool
) -> None:
    with collector() as (address, sent):
        named = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": address} if is_named else {}
        with quick_home(USE_CASE).serve(USE_CASE, OTEL_BSP_SCHEDULE_DELAY="200", **named) as url:
            assert post(f"{url}/predict", RECORD).status_code == 200
            first = until_told(sent, b"POST /predict") if is_named else []
        rest = [sent.get() for _ in range(sent.qsize())]
        requests = [ExportTraceServiceRequest.FromString(body) for body in (*first, *rest)]
    spans = [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert ("POST /predict" in {span.name for span in spans}) == is_named
    # What a record says is in no span.
    assert str(RECORD["person_income"]) not in str(spans)
