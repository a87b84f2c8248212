from __future__ import annotations

import io
import json
import os
import re
import time

import pytest

from service.online import request_log
from service.online.request_log import RequestLog


def test_each_line_is_json_with_the_time_and_the_facts() -> None:
    output = io.StringIO()
    lines = RequestLog(output)
    lines.start()
    lines.write(route="/predict", status=200)
    lines.write(route="/schema", status=404)
    lines.close()
    first, second = map(json.loads, output.getvalue().splitlines())
    assert (first["route"], first["status"], second["status"]) == ("/predict", 200, 404)
    assert first["at"].endswith("+00:00")


def test_a_reader_that_stopped_reading_halts_nobody_and_learns_what_it_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(request_log, "MOST_WAITING", 100)
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as output, os.fdopen(reading, "rb") as pipe:
        lines = RequestLog(output)
        lines.start()
        started = time.perf_counter()
        for _ in range(50):
            # More than a pipe holds, in portions that the writer takes one after the other.
            for _ in range(100):
                lines.write(text="x" * 1000)
            time.sleep(0.005)
        assert time.perf_counter() - started < 5
        seen = b""
        while not re.search(rb"missed.*\n", seen):
            seen += os.read(pipe.fileno(), 1 << 20)
        lines.close()
    missed = next(line for line in seen.splitlines() if b"request lines missed" in line)
    assert json.loads(missed)["count"] > 0
